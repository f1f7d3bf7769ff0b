// Package e2e runs the exercise every release must pass against the real
// binary: official clients and recorded agent payloads in, a real browser and
// a real mail server at the other end. Test names carry the exercise's step
// numbers. What the browser saw is kept in artefacts/.
package e2e
