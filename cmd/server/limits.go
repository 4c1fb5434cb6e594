package main

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"keiretsu/internal/server"
)

// limitFlags bounds what clients may ask for. docs/limits.md says what each of
// them costs an attacker.
type limitFlags struct {
	MaxBodyBytes     int64 `default:"262144" placeholder:"BYTES" help:"Longest request body. Default ${default}, environment KEIRETSU_MAX_BODY_BYTES."`
	MaxDocumentBytes int   `default:"65536" placeholder:"BYTES" help:"Longest GraphQL document. Default ${default}, environment KEIRETSU_MAX_DOCUMENT_BYTES."`
	MaxTokens        int   `default:"2000" placeholder:"N" help:"Most words and signs in a document. Default ${default}, environment KEIRETSU_MAX_TOKENS."`
	MaxDepth         int   `default:"15" placeholder:"N" help:"How deep fields may nest. Default ${default}, environment KEIRETSU_MAX_DEPTH."`
	MaxAliases       int   `default:"100" placeholder:"N" help:"How often one field may be asked for under different names in one selection set. Default ${default}, environment KEIRETSU_MAX_ALIASES."`
	MaxDirectives    int   `default:"100" placeholder:"N" help:"Most directives in a document. Default ${default}, environment KEIRETSU_MAX_DIRECTIVES."`
	MaxRootFields    int   `default:"64" placeholder:"N" help:"Most fields at the root of an operation. Default ${default}, environment KEIRETSU_MAX_ROOT_FIELDS."`
	MaxFragments     int   `default:"50" placeholder:"N" help:"Most fragments in a document. Default ${default}, environment KEIRETSU_MAX_FRAGMENTS."`
	MaxSelections    int   `default:"1000" placeholder:"N" help:"Most selections of an operation once its fragments are expanded. Default ${default}, environment KEIRETSU_MAX_SELECTIONS."`
	MaxInputValues   int   `default:"20000" placeholder:"N" help:"Most values in the arguments of an operation, a variable counted at each place that uses it. Default ${default}, environment KEIRETSU_MAX_INPUT_VALUES."`
	MaxCost          int   `default:"100000" placeholder:"N" help:"Most values that an operation may return by estimate, pages multiplied; it is refused before it runs. Default ${default}, environment KEIRETSU_MAX_COST."`
	MaxAnswerValues  int   `default:"200000" placeholder:"N" help:"Most values in one answer, counted as it is made: the bound on memory for one request, with the next. Default ${default}, environment KEIRETSU_MAX_ANSWER_VALUES."`
	MaxAnswerBytes   int   `default:"8388608" placeholder:"BYTES" help:"Longest answer, before compression. Default ${default}, environment KEIRETSU_MAX_ANSWER_BYTES."`

	RequestTimeout time.Duration `default:"10s" placeholder:"DURATION" help:"Longest that one request may take. Default ${default}, environment KEIRETSU_REQUEST_TIMEOUT."`
	HeaderTimeout  time.Duration `default:"5s" placeholder:"DURATION" help:"Longest that a client may take to send the header of a request. Default ${default}, environment KEIRETSU_HEADER_TIMEOUT."`
	BodyTimeout    time.Duration `default:"10s" placeholder:"DURATION" help:"Longest that it may take for header and body. Default ${default}, environment KEIRETSU_BODY_TIMEOUT."`
	ReadingTimeout time.Duration `default:"5s" placeholder:"DURATION" help:"Longest that it may take to read an answer, on top of --request-timeout. Default ${default}, environment KEIRETSU_READING_TIMEOUT."`
	IdleTimeout    time.Duration `default:"60s" placeholder:"DURATION" help:"Longest that a connection may wait for its next request. Default ${default}, environment KEIRETSU_IDLE_TIMEOUT."`

	DrainTimeout time.Duration `default:"7s" placeholder:"DURATION" help:"Longest that requests under way may take to finish when the server is told to stop; it has ended two seconds later. Default ${default}, environment KEIRETSU_DRAIN_TIMEOUT."`

	InFlight          int           `default:"32" placeholder:"N" help:"GraphQL requests worked on at a time. Default ${default}, environment KEIRETSU_IN_FLIGHT."`
	Queued            int           `default:"256" placeholder:"N" help:"Requests that may wait for that; further ones are UNAVAILABLE at once. Default ${default}, environment KEIRETSU_QUEUED."`
	QueueTimeout      time.Duration `default:"5s" placeholder:"DURATION" help:"Longest that they wait. Default ${default}, environment KEIRETSU_QUEUE_TIMEOUT."`
	LargeCost         int           `default:"5000" placeholder:"N" help:"Estimated values above which a request is a large one. Default ${default}, environment KEIRETSU_LARGE_COST."`
	LargeInFlight     int           `default:"0" placeholder:"N" help:"Large requests worked on at a time, so that they leave room for small ones. 0 means as many as there are processors. Default ${default}, environment KEIRETSU_LARGE_IN_FLIGHT."`
	Exports           int           `default:"2" placeholder:"N" help:"Exports made at a time over HTTP; further ones are UNAVAILABLE at once. Default ${default}, environment KEIRETSU_EXPORTS."`
	ExportTimeout     time.Duration `default:"1h" placeholder:"DURATION" help:"Longest that one may take. Default ${default}, environment KEIRETSU_EXPORT_TIMEOUT."`
	ClientRate        float64       `default:"0" placeholder:"N" help:"Requests a second that one client, known by its token or else by its address, may send in the long run; more are RATE_LIMITED. 0 means 100 for other machines and no bound for this one, -1 no bound. Default ${default}, environment KEIRETSU_CLIENT_RATE."`
	ClientBurst       int           `default:"0" placeholder:"N" help:"Requests that it may send at once; 0 means twice its rate. Default ${default}, environment KEIRETSU_CLIENT_BURST."`
	Connections       int           `default:"20000" placeholder:"N" help:"Connections open at a time. Default ${default}, environment KEIRETSU_CONNECTIONS."`
	ClientConnections int           `default:"0" placeholder:"N" help:"Connections of one address. 0 means 200 for other machines and no bound for this one, -1 no bound. Default ${default}, environment KEIRETSU_CLIENT_CONNECTIONS."`
	TrustedProxy      string        `placeholder:"NETWORK,…" help:"Networks, such as 10.0.0.0/8, whose header X-Forwarded-For says who the client is. None by default, environment KEIRETSU_TRUSTED_PROXY."`

	MemoryLimit string `placeholder:"BYTES" help:"Memory that the process tries to stay below, such as 2GiB; collecting garbage gets more eager near it. By default three quarters of what the machine or its control group has, unless GOMEMLIMIT is set. Environment KEIRETSU_MEMORY_LIMIT."`
}

// Validate checks the flags before anything is opened.
func (f *limitFlags) Validate() error {
	for name, n := range map[string]int64{
		"max-body-bytes": f.MaxBodyBytes, "max-document-bytes": int64(f.MaxDocumentBytes), "max-tokens": int64(f.MaxTokens),
		"max-depth": int64(f.MaxDepth), "max-aliases": int64(f.MaxAliases), "max-directives": int64(f.MaxDirectives),
		"max-root-fields": int64(f.MaxRootFields), "max-fragments": int64(f.MaxFragments), "max-selections": int64(f.MaxSelections),
		"max-input-values": int64(f.MaxInputValues), "max-cost": int64(f.MaxCost), "max-answer-values": int64(f.MaxAnswerValues),
		"max-answer-bytes": int64(f.MaxAnswerBytes), "in-flight": int64(f.InFlight), "queued": int64(f.Queued), "connections": int64(f.Connections),
		"request-timeout": int64(f.RequestTimeout), "header-timeout": int64(f.HeaderTimeout), "body-timeout": int64(f.BodyTimeout),
		"reading-timeout": int64(f.ReadingTimeout), "idle-timeout": int64(f.IdleTimeout), "queue-timeout": int64(f.QueueTimeout), "drain-timeout": int64(f.DrainTimeout),
		"large-cost": int64(f.LargeCost), "exports": int64(f.Exports), "export-timeout": int64(f.ExportTimeout),
	} {
		if n < 1 {
			return fmt.Errorf("--%s must be more than 0", name)
		}
	}
	if f.ClientBurst < 0 || f.LargeInFlight < 0 {
		return errors.New("--client-burst and --large-in-flight must not be negative")
	}
	if math.IsNaN(f.ClientRate) || math.IsInf(f.ClientRate, 0) {
		return errors.New("--client-rate must be a number; -1 bounds nobody")
	}
	if _, err := f.proxies(); err != nil {
		return err
	}
	_, err := readBytes(f.MemoryLimit)
	return err
}

// limits returns what one request may ask for.
func (f *limitFlags) limits() server.Limits {
	return server.Limits{
		BodyBytes: f.MaxBodyBytes, DocumentBytes: f.MaxDocumentBytes, Tokens: f.MaxTokens, Depth: f.MaxDepth, Aliases: f.MaxAliases,
		Directives: f.MaxDirectives, RootFields: f.MaxRootFields, Fragments: f.MaxFragments, Selections: f.MaxSelections,
		InputValues: f.MaxInputValues, Cost: f.MaxCost, AnswerValues: f.MaxAnswerValues, AnswerBytes: f.MaxAnswerBytes,
	}
}

// traffic returns what clients may do. The flags were validated.
func (f *limitFlags) traffic() server.Traffic {
	proxies, _ := f.proxies()
	return server.Traffic{
		Timeout: f.RequestTimeout, HeaderTimeout: f.HeaderTimeout, BodyTimeout: f.BodyTimeout, ReadingTimeout: f.ReadingTimeout,
		IdleTimeout: f.IdleTimeout, InFlight: f.InFlight, Queued: f.Queued, QueueTimeout: f.QueueTimeout, LargeCost: f.LargeCost, LargeInFlight: f.LargeInFlight,
		Exports: f.Exports, ExportTimeout: f.ExportTimeout, ClientRate: f.ClientRate, ClientBurst: f.ClientBurst, Connections: f.Connections, ClientConnections: f.ClientConnections,
		TrustedProxies: proxies,
	}
}

// proxies reads --trusted-proxy, a list of networks and addresses.
func (f *limitFlags) proxies() ([]netip.Prefix, error) {
	var networks []netip.Prefix
	for text := range strings.SplitSeq(f.TrustedProxy, ",") {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		network, err := netip.ParsePrefix(text)
		if err != nil {
			addr, err := netip.ParseAddr(text)
			if err != nil {
				return nil, fmt.Errorf("--trusted-proxy %s: expected a network such as 10.0.0.0/8 or an address", text)
			}
			network = netip.PrefixFrom(addr, addr.BitLen())
		}
		networks = append(networks, network.Masked())
	}
	return networks, nil
}

// boundMemory tells the garbage collector what there is to use. It returns the
// bound, 0 where none could be found.
func (f *limitFlags) boundMemory(getenv func(string) string) int64 {
	limit, _ := readBytes(f.MemoryLimit)
	if limit == 0 {
		if getenv("GOMEMLIMIT") != "" {
			return debug.SetMemoryLimit(-1) // the runtime has read it
		}
		limit = memory(os.ReadFile) / 4 * 3
	}
	if limit > 0 {
		debug.SetMemoryLimit(limit)
	}
	return limit
}

// memory returns the bytes of memory that this process may use: what the control
// group allows, else what the machine has, 0 where neither tells.
func memory(read func(string) ([]byte, error)) int64 {
	least := int64(math.MaxInt64)
	for _, name := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		if text, err := read(name); err == nil {
			if n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && n > 0 {
				least = min(least, n)
			}
		}
	}
	if text, err := read("/proc/meminfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "MemTotal:" {
				if kib, err := strconv.ParseInt(fields[1], 10, 64); err == nil {
					least = min(least, kib<<10)
				}
			}
		}
	}
	if least == math.MaxInt64 {
		return 0
	}
	return least
}

// readBytes reads an amount such as 536870912, 512MiB or 2GiB; nothing is 0.
func readBytes(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	digits, factor := text, int64(1)
	for unit, size := range map[string]int64{"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30} {
		if rest, ok := strings.CutSuffix(text, unit); ok {
			digits, factor = rest, size
		}
	}
	n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
	if err != nil || n < 1 || n > math.MaxInt64/factor {
		return 0, fmt.Errorf("--memory-limit %s: expected an amount of bytes such as 2GiB", text)
	}
	return n * factor, nil
}
