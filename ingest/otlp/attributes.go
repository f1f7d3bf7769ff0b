package otlp

import (
	"encoding/base64"
	"strconv"
	"strings"

	common "go.opentelemetry.io/proto/otlp/common/v1"
	resource "go.opentelemetry.io/proto/otlp/resource/v1"

	"github.com/whippet-obs/whippet/store"
)

// tagOf is Datadog's mapping of resource attributes to tags, as its agent and
// exporter have it (https://docs.datadoghq.com/opentelemetry/mapping/). What it
// does not name is not a tag.
func tagOf(attribute string) string {
	switch attribute {
	case "service.name":
		return "service"
	case "service.version":
		return "version"
	case "deployment.environment", "deployment.environment.name":
		return "env"
	case "container.id", "container.name", "cloud.provider":
		return strings.ReplaceAll(attribute, ".", "_")
	case "container.image.name":
		return "image_name"
	case "container.image.tag", "container.image.tags":
		return "image_tag"
	case "container.runtime":
		return "runtime"
	case "cloud.region":
		return "region"
	case "cloud.availability_zone":
		return "zone"
	case "k8s.container.name":
		return "kube_container_name"
	case "k8s.cluster.name", "k8s.cronjob.name", "k8s.daemonset.name", "k8s.deployment.name", "k8s.job.name", "k8s.replicaset.name", "k8s.statefulset.name":
		object, _, _ := strings.Cut(strings.TrimPrefix(attribute, "k8s."), ".")
		if object == "cluster" {
			return "kube_cluster_name"
		}
		if object == "replicaset" {
			return "kube_replica_set"
		}
		return "kube_" + strings.NewReplacer("cronjob", "cronjob", "daemonset", "daemon_set", "statefulset", "stateful_set").Replace(object)
	case "k8s.namespace.name":
		return "kube_namespace"
	case "k8s.node.name":
		return "kube_node"
	case "k8s.pod.name":
		return "pod_name"
	case "k8s.pod.uid":
		return "pod_uid"
	}
	return ""
}

// hostOf is the host that a resource names; "" when it names none.
func hostOf(attributes map[string]string) string {
	for _, key := range []string{"datadog.host.name", "host.name", "host.hostname", "k8s.node.name", "host.id"} {
		if host := store.NormalizeHost(attributes[key]); host != "" {
			return host
		}
	}
	return ""
}

// Limits of what is read of attributes.
const (
	maxAttributes = 256
	maxValue      = 4096
)

// attributesOf reads attributes as texts.
func attributesOf(list []*common.KeyValue) map[string]string {
	out := make(map[string]string, min(len(list), maxAttributes))
	for _, kv := range list {
		if len(out) == maxAttributes {
			break
		}
		if text := textOf(kv.GetValue(), 0); kv.GetKey() != "" && text != "" {
			out[kv.GetKey()] = text
		}
	}
	return out
}

func resourceAttributes(r *resource.Resource) map[string]string {
	return attributesOf(r.GetAttributes())
}

// textOf is a value as a person would write it; lists and maps as JSON does.
func textOf(v *common.AnyValue, depth int) string {
	if depth > maxDepth {
		return ""
	}
	text := ""
	switch v := v.GetValue().(type) {
	case *common.AnyValue_StringValue:
		text = v.StringValue
	case *common.AnyValue_BoolValue:
		text = strconv.FormatBool(v.BoolValue)
	case *common.AnyValue_IntValue:
		text = strconv.FormatInt(v.IntValue, 10)
	case *common.AnyValue_DoubleValue:
		text = strconv.FormatFloat(v.DoubleValue, 'g', -1, 64)
	case *common.AnyValue_BytesValue:
		text = base64.StdEncoding.EncodeToString(v.BytesValue[:min(len(v.BytesValue), maxValue)])
	case *common.AnyValue_ArrayValue:
		text = listed(v.ArrayValue.GetValues(), '[', ']', func(b *strings.Builder, item *common.AnyValue) { quoted(b, item, depth) })
	case *common.AnyValue_KvlistValue:
		text = listed(v.KvlistValue.GetValues(), '{', '}', func(b *strings.Builder, kv *common.KeyValue) {
			b.WriteString(strconv.Quote(kv.GetKey()))
			b.WriteByte(':')
			quoted(b, kv.GetValue(), depth)
		})
	}
	if len(text) > maxValue {
		text = strings.ToValidUTF8(text[:maxValue], "")
	}
	return text
}

func listed[T any](items []T, open, end byte, write func(*strings.Builder, T)) string {
	var b strings.Builder
	b.WriteByte(open)
	for i, item := range items {
		if i > 0 {
			b.WriteByte(',')
		}
		if b.Len() > maxValue {
			break
		}
		write(&b, item)
	}
	b.WriteByte(end)
	return b.String()
}

func quoted(b *strings.Builder, v *common.AnyValue, depth int) {
	text := textOf(v, depth+1)
	if _, ok := v.GetValue().(*common.AnyValue_StringValue); ok {
		text = strconv.Quote(text)
	}
	b.WriteString(text)
}
