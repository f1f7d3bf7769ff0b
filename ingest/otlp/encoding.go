package otlp

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/whippet-obs/whippet/ingest/payload"
)

// decode reads a request. OTLP's JSON is protobuf's, but for the ids of traces
// and spans, which are hex digits.
func decode(body []byte, isJSON bool, into proto.Message) error {
	if !isJSON {
		if err := proto.Unmarshal(body, into); err != nil {
			return payload.Malformed(-1, "not an OTLP request: %v", err)
		}
		return nil
	}
	var doc any
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber() // times have more digits than a float64
	if err := d.Decode(&doc); err != nil {
		return payload.Malformed(int(d.InputOffset()), "not JSON: %v", err)
	}
	if err := idsToBase64(doc, 0); err != nil {
		return err
	}
	raw, err := json.Marshal(doc)
	if err != nil {
		return payload.Malformed(-1, "not JSON: %v", err)
	}
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(raw, into); err != nil {
		return payload.Malformed(-1, "not an OTLP request: %v", err)
	}
	return nil
}

// maxDepth bounds how deeply values of attributes may lie in each other.
const maxDepth = 100

// idsToBase64 writes the ids in doc as protobuf's JSON has bytes.
func idsToBase64(doc any, depth int) error {
	if depth > maxDepth {
		return payload.Malformed(-1, "values lie in each other more than %d deep", maxDepth)
	}
	switch doc := doc.(type) {
	case []any:
		for _, item := range doc {
			if err := idsToBase64(item, depth+1); err != nil {
				return err
			}
		}
	case map[string]any:
		for key, value := range doc {
			text, isText := value.(string)
			switch key {
			case "traceId", "spanId", "parentSpanId", "trace_id", "span_id", "parent_span_id":
				if !isText {
					continue
				}
				id, err := hex.DecodeString(text)
				if err != nil {
					return payload.Malformed(-1, "%s %.64q: want hex digits", key, text)
				}
				doc[key] = base64.StdEncoding.EncodeToString(id)
			default:
				if err := idsToBase64(value, depth+1); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func encode(response proto.Message, isJSON bool) (Answer, error) {
	a := Answer{ContentType: "application/x-protobuf"}
	var err error
	if isJSON {
		a.ContentType = "application/json"
		a.Body, err = protojson.Marshal(response)
	} else {
		a.Body, err = proto.Marshal(response)
	}
	if err != nil {
		return Answer{}, fmt.Errorf("encode an OTLP answer: %w", err)
	}
	return a, nil
}
