package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// tlsConfig is how the HTTP listener encrypts; nil when it does not. A file
// that is replaced is read again, so that a renewed certificate needs no restart.
func tlsConfig(cfg *config, hostname string) (*tls.Config, error) {
	certFile, keyFile := cfg.TLSCert, cfg.TLSKey
	if cfg.TLSSelfSigned {
		certFile, keyFile = filepath.Join(cfg.DataDir, "tls-cert.pem"), filepath.Join(cfg.DataDir, "tls-key.pem")
		if err := selfSign(certFile, keyFile, hostname); err != nil {
			return nil, err
		}
	}
	if certFile == "" {
		return nil, nil
	}
	pair := &keyPair{certFile: certFile, keyFile: keyFile}
	if _, err := pair.get(nil); err != nil {
		return nil, err
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: pair.get}, nil
}

// keyPair is a certificate and its key, read again when the file changes.
type keyPair struct {
	certFile, keyFile string

	mu     sync.Mutex
	loaded *tls.Certificate
	mtime  time.Time
	looked time.Time
}

// lookEvery bounds how often the file's time is looked at.
const lookEvery = 10 * time.Second

func (k *keyPair) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.loaded != nil && time.Since(k.looked) < lookEvery {
		return k.loaded, nil
	}
	k.looked = time.Now()
	info, err := os.Stat(k.certFile)
	if err == nil && k.loaded != nil && info.ModTime().Equal(k.mtime) {
		return k.loaded, nil
	}
	if err == nil {
		var pair tls.Certificate
		if pair, err = tls.LoadX509KeyPair(k.certFile, k.keyFile); err == nil {
			k.loaded, k.mtime = &pair, info.ModTime()
			return k.loaded, nil
		}
	}
	if k.loaded != nil {
		return k.loaded, nil // half-written, or gone: the old one still serves
	}
	return nil, fmt.Errorf("read the TLS certificate: %w", err)
}

// selfSign makes a certificate of its own, once: browsers ask before they trust
// it, but nobody on the way can listen.
func selfSign(certFile, keyFile, hostname string) error {
	if _, err := os.Stat(certFile); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	fail := func(err error) error { return fmt.Errorf("make a TLS certificate: %w", err) }
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fail(err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return fail(err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: hostname, Organization: []string{"Whippet"}},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(10, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
		DNSNames: []string{hostname, "localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	if addresses, err := net.InterfaceAddrs(); err == nil {
		for _, a := range addresses {
			if ip, _, err := net.ParseCIDR(a.String()); err == nil && !ip.IsLoopback() && !ip.IsLinkLocalUnicast() {
				template.IPAddresses = append(template.IPAddresses, ip)
			}
		}
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return fail(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fail(err)
	}
	if err := os.MkdirAll(filepath.Dir(certFile), 0o755); err != nil {
		return fail(err)
	}
	if err := os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		return fail(err)
	}
	if err := os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o644); err != nil {
		return fail(err)
	}
	return nil
}
