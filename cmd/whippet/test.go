package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/whippet-obs/whippet/alerting/trial"
)

const testUsage = `Usage: whippet test [--run REGEXP] [-v] FILE...

Runs the tests of monitors that the files hold: given these points, expect these
mails at these times. Needs no server.

  --run REGEXP   only tests whose names match
  -v             show the mails of every test
`

// runTest is "whippet test". It returns 1 when a test fails.
func runTest(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	fs := flag.NewFlagSet("whippet test", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	only := fs.String("run", "", "")
	verbose := fs.Bool("v", false, "")
	if err := fs.Parse(args); err != nil || fs.NArg() == 0 {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprint(stdout, testUsage)
			return 0
		}
		fmt.Fprint(stderr, testUsage)
		return 2
	}
	match, err := regexp.Compile(*only)
	if err != nil {
		fmt.Fprintf(stderr, "whippet test: --run: %v\n", err)
		return 2
	}
	m, err := readManifest(fs.Args(), os.Stdin)
	if err != nil {
		fmt.Fprintf(stderr, "whippet test: %v\n", err)
		return 2
	}
	passed, failed := 0, 0
	for _, t := range m.Tests {
		if !match.MatchString(t.Name) {
			continue
		}
		began := time.Now()
		result, err := trial.Run(ctx, m.Monitors, t)
		if err != nil {
			fmt.Fprintf(stdout, "FAIL  %s\n      %v\n", t.Name, err)
			failed++
			continue
		}
		word := "ok  "
		if len(result.Failures) > 0 {
			word = "FAIL"
			failed++
		} else {
			passed++
		}
		fmt.Fprintf(stdout, "%s  %s (%.2fs)\n", word, t.Name, time.Since(began).Seconds())
		for _, failure := range result.Failures {
			fmt.Fprintln(stdout, "      "+strings.ReplaceAll(failure, "\n", "\n      "))
		}
		if *verbose {
			for _, mail := range result.Mails {
				fmt.Fprintf(stdout, "      after %v: %s → %s\n", mail.After, mail.Subject, strings.Join(mail.To, ", "))
			}
		}
	}
	if passed+failed == 0 {
		fmt.Fprintln(stderr, "whippet test: the files hold no test of that name")
		return 2
	}
	fmt.Fprintf(stdout, "%d passed, %d failed\n", passed, failed)
	if failed > 0 {
		return 1
	}
	return 0
}

// strict decodes a document that may have no unknown fields.
func strict(raw []byte, target any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	return d.Decode(target)
}
