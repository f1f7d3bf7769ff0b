// Command whippet is the whole observability backend in one binary.
//
//	whippet serve     receive, store, show and alert
//	whippet agent     ship this host's metrics to a Whippet elsewhere
//	whippet apply     make monitors, downtimes and dashboards of files
//	whippet test      run the tests of monitors that files hold
//	whippet backup    copy the data folder, also while Whippet runs on it
//	whippet restore   make a data folder of a backup
//	whippet check     verify a data folder or a backup
//	whippet version   print the version
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	_ "time/tzdata" // downtimes name IANA zones; the machine may not have them
)

const usage = `Whippet receives metrics from the agents you already have, keeps them, shows
them, and mails you when something is wrong.

Usage:
  whippet serve [flags]   receive, store, show and alert ("whippet serve --help" lists the flags)
  whippet agent [flags]   ship this host's metrics to a Whippet elsewhere
  whippet apply FILE...   make monitors, downtimes and dashboards of files, with a plan first
  whippet test FILE...    run the tests of monitors that files hold
  whippet backup BACKUP   copy the data folder, also while Whippet runs on it
  whippet restore BACKUP  make a data folder of a backup
  whippet check           verify a data folder or a backup
  whippet version         print the version
`

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}

// run is main with its world as arguments. It returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	command := ""
	if len(args) > 0 {
		command, args = args[0], args[1:]
	}
	switch command {
	case "serve":
		return runServe(ctx, args, stdout, stderr)
	case "agent":
		return runAgent(ctx, args, stdout, stderr)
	case "apply":
		return runApply(ctx, args, stdout, stderr)
	case "test":
		return runTest(ctx, args, stdout, stderr)
	case "backup":
		return runBackup(ctx, args, stdout, stderr)
	case "restore":
		return runRestore(ctx, args, stdout, stderr)
	case "check":
		return runCheck(ctx, args, stdout, stderr)
	case "version", "--version":
		fmt.Fprintln(stdout, "whippet", version())
		return 0
	case "", "help", "-h", "--help":
		fmt.Fprint(stdout, usage)
		return 0
	default:
		fmt.Fprintf(stderr, "whippet: unknown command %q%s\n\n%s", command, didYouMean(command, []string{"serve", "agent", "apply", "test", "backup", "restore", "check", "version", "help"}), usage)
		return 2
	}
}

func runServe(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	cfg, err := loadConfig(args, os.Environ(), stdout)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintf(stderr, "whippet: %v\n", err)
		return 2
	}
	log := newLogger(stderr, cfg.LogLevel, cfg.LogFormat)
	if err := serve(ctx, cfg, log); err != nil {
		fmt.Fprintf(stderr, "whippet: %v\n", err)
		return 1
	}
	return 0
}

// version is the module's version, or the commit a plain build was made from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return "devel " + s.Value[:12]
		}
	}
	return "devel"
}
