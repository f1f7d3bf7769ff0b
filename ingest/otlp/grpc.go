package otlp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	metrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	traces "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	_ "google.golang.org/grpc/encoding/gzip" // SDKs are often set to compress
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"google.golang.org/genproto/googleapis/rpc/errdetails"

	"github.com/whippet-obs/whippet/ingest/payload"
)

// Server takes OTLP over gRPC.
type Server struct {
	listener net.Listener
	server   *grpc.Server
}

// ServerConfig says where a Server listens and who may send.
type ServerConfig struct {
	Address string // TCP
	Intake  *Intake
	// MaySubmit decides by the API key in the metadata dd-api-key, or the bearer
	// token in authorization.
	MaySubmit func(key string) bool
	TLS       *tls.Config // nil: in the clear
}

// shutdownTime is how long requests under way may take at the end.
const shutdownTime = 5 * time.Second

// Listen opens the port. Requests are answered once Run is called.
func Listen(c ServerConfig) (*Server, error) {
	listener, err := net.Listen("tcp", c.Address)
	if err != nil {
		return nil, fmt.Errorf("listen for OTLP over gRPC: %w", err)
	}
	encryption := insecure.NewCredentials()
	if c.TLS != nil {
		encryption = credentials.NewTLS(c.TLS)
	}
	s := &Server{listener: listener, server: grpc.NewServer(
		grpc.Creds(encryption),
		grpc.MaxRecvMsgSize(payload.MaxPlain), grpc.MaxConcurrentStreams(100),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}),
		grpc.UnaryInterceptor(func(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
			if !c.MaySubmit(keyOf(ctx)) {
				return nil, status.Error(codes.Unauthenticated, "the API key is not known: send one as dd-api-key")
			}
			response, err := handle(ctx, request)
			return response, statusOf(err)
		}),
	)}
	metrics.RegisterMetricsServiceServer(s.server, metricsService{in: c.Intake})
	traces.RegisterTraceServiceServer(s.server, tracesService{in: c.Intake})
	return s, nil
}

// Addr is where the server listens.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Run answers requests until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	stopped := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(shutdownTime, s.server.Stop)
		defer timer.Stop()
		s.server.GracefulStop()
	})
	defer stopped()
	if err := s.server.Serve(s.listener); err != nil && ctx.Err() == nil {
		return fmt.Errorf("serve OTLP over gRPC: %w", err)
	}
	return nil
}

func keyOf(ctx context.Context) string {
	md, _ := metadata.FromIncomingContext(ctx)
	if keys := md.Get("dd-api-key"); len(keys) > 0 {
		return keys[0]
	}
	if values := md.Get("authorization"); len(values) > 0 && len(values[0]) > 7 {
		return values[0][len("Bearer "):]
	}
	return ""
}

// statusOf is an error as gRPC has it. Overload says when to try again, which
// senders wait for before they do.
func statusOf(err error) error {
	var bad *payload.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &bad):
		return status.Error(codes.InvalidArgument, err.Error())
	case overloaded(err):
		s, detailed := status.New(codes.Unavailable, err.Error()).WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(10 * time.Second)})
		if detailed != nil {
			return status.Error(codes.Unavailable, err.Error())
		}
		return s.Err()
	default:
		return status.Error(codes.Internal, err.Error())
	}
}

type metricsService struct {
	metrics.UnimplementedMetricsServiceServer
	in *Intake
}

func (s metricsService) Export(ctx context.Context, r *metrics.ExportMetricsServiceRequest) (*metrics.ExportMetricsServiceResponse, error) {
	return s.in.Metrics(ctx, r)
}

type tracesService struct {
	traces.UnimplementedTraceServiceServer
	in *Intake
}

func (s tracesService) Export(ctx context.Context, r *traces.ExportTraceServiceRequest) (*traces.ExportTraceServiceResponse, error) {
	return s.in.Traces(ctx, r)
}
