package trace

import (
	"net"
	"slices"
	"strings"

	"github.com/whippet-obs/whippet/store/span"
)

// peerKeys are the tags that say whom a span spoke with, sorted: those a trace
// agent of 7.82 announces.
var peerKeys = []string{
	"_dd.base_service", "active_record.db.vendor", "amqp.destination", "amqp.exchange", "amqp.queue", "aws.queue.name",
	"aws.s3.bucket", "bucketname", "cassandra.keyspace", "db.cassandra.contact.points", "db.couchbase.seed.nodes",
	"db.hostname", "db.instance", "db.name", "db.namespace", "db.system", "db.type", "dns.hostname", "grpc.host",
	"hostname", "http.host", "http.server_name", "messaging.destination", "messaging.destination.name",
	"messaging.kafka.bootstrap.servers", "messaging.rabbitmq.exchange", "messaging.system", "mongodb.db",
	"msmq.queue.path", "net.peer.name", "network.destination.ip", "network.destination.name", "out.host",
	"peer.hostname", "peer.service", "queuename", "rpc.service", "rpc.system", "sequel.db.vendor", "server.address",
	"streamname", "tablename", "topicname",
}

// peerTags are the peer tags of a span, sorted. Only calls have them all; a
// span in a service of its own within another's process has that one.
func peerTags(s *span.Span, kind string) (tags []string) {
	switch kind {
	case "client", "producer", "consumer":
		for _, key := range peerKeys {
			if value := s.Text(key); value != "" {
				tags = append(tags, key+":"+blockedIP(value))
			}
		}
	case "", "internal":
		if base := s.Text(tagBaseService); base != "" {
			tags = append(tags, tagBaseService+":"+base)
		}
	}
	return tags
}

// blockedIP replaces an address, of which there may be no end, by one text;
// this machine's own is kept.
func blockedIP(value string) string {
	if ip := net.ParseIP(value); ip != nil && !ip.IsLoopback() {
		return "blocked-ip-address"
	}
	return value
}

// peerNames are the tags that name the one spoken with, the best first.
var peerNames = []string{
	"peer.service", "db.name", "db.instance", "db.namespace", "messaging.destination", "messaging.destination.name", "topicname",
	"queuename", "streamname", "bucketname", "aws.s3.bucket", "rpc.service", "net.peer.name", "out.host", "server.address",
	"network.destination.name", "peer.hostname", "http.host",
}

// peerName is the name of the one spoken with, "" when nothing says it.
func peerName(value func(key string) string) string {
	for _, key := range peerNames {
		if v := value(key); v != "" {
			return v
		}
	}
	return ""
}

// peerOf finds the value of a key among joined peer tags.
func peerOf(peers, key string) string {
	for tag := range strings.SplitSeq(peers, "\x00") {
		if k, v, _ := strings.Cut(tag, ":"); k == key {
			return v
		}
	}
	return ""
}

// isNowhere reports names that stand for no one in particular, so that they
// make no node of a map.
func isNowhere(name string) bool {
	return slices.Contains([]string{"", "localhost", "blocked-ip-address"}, name) || net.ParseIP(name) != nil
}
