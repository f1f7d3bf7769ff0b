// Package differential asks Whippet, Debian's victoria-metrics and Debian's
// prometheus the same questions about the same samples, each fed by remote
// write, and wants the same answers: a table of at least one question for every
// function, operator and modifier, and questions made up at random.
//
//	go test -queries 100000 -seed 7
//
// Where the answers may differ is a short list in the table and in
// docs/metricsql.md, with the reasons.
package differential
