package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// commands is the command line. What can be set is set by flag, else by
// environment variable, else it has its default.
type commands struct {
	folder

	Serve   serve         `cmd:"" default:"withargs" help:"Answer GraphQL until told to stop. This is what happens where no command is named."`
	Import  importing     `cmd:"" help:"Import files of registers and other data sets."`
	Export  exporting     `cmd:"" help:"Write what the graph holds in a format that other tools read."`
	Backup  backup        `cmd:"" help:"Write a backup of the store, also while a server runs."`
	Restore restore       `cmd:"" help:"Make a data folder from a full backup and the increments behind it."`
	Check   check         `cmd:"" help:"Look through everything that a data folder holds, and repair what can be made again."`
	Stats   stats         `cmd:"" help:"Say what a data folder holds, and how it stands."`
	Reindex reindex       `cmd:"" help:"Build the search index anew."`
	Token   tokenCommands `cmd:"" help:"Decide who may write: make, show and end tokens."`
}

// folder is what every command needs to know.
type folder struct {
	Data string `default:"./data" placeholder:"FOLDER" help:"Folder of the store and its search index. Serving makes it if it is missing, and fills it with the demo facts if it is empty. Default ${default}, environment KEIRETSU_DATA."`
}

// Validate checks the flag before anything is opened.
func (f *folder) Validate() error {
	if f.Data == "" {
		return errors.New("--data must name a folder")
	}
	return nil
}

// serve is the command that answers GraphQL.
type serve struct {
	Addr string `default:"127.0.0.1:8080" placeholder:"HOST:PORT" help:"Address to listen on. Port 0 picks a free one. With an address other than loopback, everyone who reaches it can read everything, unless --reads-need-token is set. Default ${default}, environment KEIRETSU_ADDR."`

	WalkNodes int           `default:"50000" placeholder:"N" help:"Most entities that one traversal, path search, ownership or count may reach; past it the answer is TOO_COMPLEX, or marked truncated where a part is worth having. Default ${default}, environment KEIRETSU_WALK_NODES."`
	WalkEdges int           `default:"500000" placeholder:"N" help:"Most relations that one of these may read. Default ${default}, environment KEIRETSU_WALK_EDGES."`
	WalkTime  time.Duration `default:"5s" placeholder:"DURATION" help:"Longest that one of these may take. Default ${default}, environment KEIRETSU_WALK_TIME."`

	limitFlags
	subscriptionFlags
	documentFlags
	traceFlags
	readyFlags

	Access authFlags `embed:""`
}

const description = `Keiretsu answers GraphQL questions about a company knowledge graph, with the
source of every claim.

Start it and open the address it prints: GraphiQL opens with questions that
answer when run, such as "What did Alibaba acquire in 2014?". A program posts
{"query": "…", "variables": {…}} to /graphql. The schema is at /schema.graphql,
health at /healthz and /readyz, metrics at /metrics.

One process at a time uses a data folder. Ctrl-C or SIGTERM stops the server: it
finishes what runs and exits 0. Where it cannot start it says why in one line
and exits 1. "keiretsu serve --help" lists all that it can be told. Flags of
another command stand behind its name; --data may stand anywhere.

Examples:
  keiretsu                               the demo facts, at http://127.0.0.1:8080
  keiretsu --addr 127.0.0.1:0            at a free port
  keiretsu --data ~/graph                with a data folder of one's own
  KEIRETSU_ADDR=127.0.0.1:9000 keiretsu  set by environment; flags come first
  keiretsu token create ann --scope write    a token for someone who may write
  keiretsu --data ~/graph import ftm entities.json --dry-run`

// errHelp says that help was asked for and has been printed.
var errHelp = errors.New("help was printed")

// parse reads flags over environment over defaults, and checks them before
// anything is opened. What it returns runs the command that is meant; c takes
// what was set.
func parse(c *commands, args []string, getenv func(string) string, stdout, stderr io.Writer) (*kong.Context, error) {
	asked := false
	parser, err := kong.New(c,
		kong.Name("keiretsu"), kong.Description(description), kong.Writers(stdout, stderr),
		kong.Exit(func(int) { asked = true }),
		kong.Resolvers(environment(getenv)),
		kong.ConfigureHelp(kong.HelpOptions{NoAppDescFormat: true, WrapUpperBound: 100, NoExpandSubcommands: true}),
	)
	if err != nil {
		return nil, err
	}
	meant, err := parser.Parse(args)
	if asked {
		return nil, errHelp
	}
	if err != nil {
		return nil, fmt.Errorf("%w; --help lists what there is", err)
	}
	return meant, nil
}

// environment gives a flag the value of its variable, KEIRETSU_ and the flag's
// name in capitals. kong itself would read it from the process, which a test
// cannot.
func environment(getenv func(string) string) kong.Resolver {
	return kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		if v := getenv("KEIRETSU_" + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))); v != "" {
			return v, nil
		}
		return nil, nil
	})
}

// Validate checks the flags before anything is opened.
func (c *serve) Validate() error {
	host, port, err := net.SplitHostPort(c.Addr)
	if err != nil {
		return fmt.Errorf("--addr %s: expected HOST:PORT, such as 127.0.0.1:8080", c.Addr)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return fmt.Errorf("--addr %s: %q is not a port from 0 to 65535", c.Addr, port)
	}
	if strings.ContainsAny(host, " /") {
		return fmt.Errorf("--addr %s: %q is not a host", c.Addr, host)
	}
	if c.WalkNodes < 1 || c.WalkEdges < 1 || c.WalkTime <= 0 {
		return errors.New("--walk-nodes, --walk-edges and --walk-time must be more than 0")
	}
	return errors.Join(c.limitFlags.Validate(), c.subscriptionFlags.Validate(), c.documentFlags.Validate(), c.traceFlags.Validate(), c.readyFlags.Validate(), c.Access.check())
}
