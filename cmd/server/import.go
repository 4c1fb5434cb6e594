package main

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"keiretsu/internal/control"
	"keiretsu/internal/ingest"
	"keiretsu/internal/ingest/bods"
	"keiretsu/internal/ingest/companygen"
	"keiretsu/internal/ingest/csvtable"
	"keiretsu/internal/ingest/ftm"
	"keiretsu/internal/ingest/gleif"
	"keiretsu/internal/ingest/jsonl"
	"keiretsu/internal/ingest/unpack"
	"keiretsu/internal/ingest/wikidata"
	"keiretsu/internal/kg"
	"keiretsu/internal/kg/badgerstore"
)

// formats are the formats that can be imported, in order of their names.
var formats = []ingest.Format{
	bods.Format,
	companygen.Format,
	csvtable.Format(nil),
	ftm.Format,
	gleif.Format,
	jsonl.Format,
	wikidata.Format,
}

// formatNamed returns the format of that name.
func formatNamed(name string) (ingest.Format, error) {
	n := slices.IndexFunc(formats, func(f ingest.Format) bool { return f.Name == name })
	if n >= 0 {
		return formats[n], nil
	}
	var names []string
	for _, f := range formats {
		names = append(names, f.Name)
	}
	known := "there are " + strings.Join(names, ", ")
	if near := ingest.Nearest(name, slices.Values(names)); near != "" {
		known = "did you mean " + near + "? " + known
	}
	return ingest.Format{}, kg.Invalidf("", "there is no format %.40q; %s", name, known)
}

// importing is the command that imports files.
type importing struct {
	Format   string   `arg:"" help:"Format of the files; the list is below."`
	Files    []string `arg:"" name:"file" help:"Files, plain, gzip or zip; - is standard input."`
	DryRun   bool     `help:"Read everything, say what would be recorded and what dropped, and write nothing. Default ${default}, environment KEIRETSU_DRY_RUN." default:"false"`
	Recorded string   `enum:"auto,source,now" default:"auto" placeholder:"WHEN" help:"Under which moments to record what the files say: source takes those of the source, for formats with a history, so that it can be asked what was known then; now is that of the import; auto is source where the graph has not changed since. Default ${default}, environment KEIRETSU_RECORDED."`
	Dataset  string   `placeholder:"NAME" help:"The files are an issue of the data set that you call so: what earlier issues said of their records and they do not say is taken back, deleted records included; statements of bods go on from those of earlier issues. For bods, ftm, gleif and wikidata. Default none, environment KEIRETSU_DATASET."`
	Complete bool     `help:"With --dataset: records that are in none of the files are not in the data set any more. Default ${default}, environment KEIRETSU_COMPLETE." default:"false"`
	Mapping  string   `placeholder:"FILE" help:"What the columns of a table mean, for csv. Default none, environment KEIRETSU_MAPPING."`
	Suggest  bool     `help:"Draft a mapping from the header of a table, write it to standard output, and import nothing. Default ${default}, environment KEIRETSU_SUGGEST." default:"false"`
	Server   string   `placeholder:"URL" help:"Send the files to the server at this address, such as https://graph.example.org, which imports them. Default none, environment KEIRETSU_SERVER."`
	Token    string   `placeholder:"TOKEN" help:"Token with the scope write, for --server; better given by the environment than seen in a list of processes. Default none, environment KEIRETSU_TOKEN."`
	Resume   bool     `help:"Go on where an import of the same files was interrupted. Default ${default}, environment KEIRETSU_RESUME." default:"false"`
}

// importMemory is what the garbage collector aims at while files are imported, in
// bytes. About a third of it lives at any time, most of that in the engine, which
// makes garbage as fast as rows.
const importMemory = 1 << 30

// Help goes on where the first line of help ends.
func (c *importing) Help() string {
	var b strings.Builder
	b.WriteString(`All files are read to their end before anything is written: one that is cut off,
damaged or of another format ends the import with one line, and nothing has
happened. Records that cannot be used are dropped; the report counts them by
reason and names their first lines. What the graph knows already changes nothing,
so that an import can be repeated, and what was taken back stays so.

The data folder is made if it is missing. Where a server holds it, the server
does the work, asked through its socket, and goes on answering. Ctrl-C leaves a
consistent store with a beginning of the files in it.

Formats:
`)
	for _, f := range formats {
		fmt.Fprintf(&b, "  %-10s %s\n", f.Name, f.Help)
	}
	return b.String()
}

// Run imports the files.
func (c *importing) Run(ctx context.Context, m *Main, f *folder) error {
	format, err := formatNamed(c.Format)
	if err != nil {
		return err
	}
	if c.Suggest {
		return c.suggest(ctx, m)
	}
	for _, name := range c.Files {
		if err := isFile(name); err != nil {
			return err
		}
	}
	q := control.ImportRequest{Format: c.Format, DryRun: c.DryRun, Resume: c.Resume, Dataset: c.Dataset, Complete: c.Complete, By: localUser()}
	if c.Recorded != "auto" {
		q.Recorded = ingest.Recorded(c.Recorded)
	}
	if c.Mapping != "" {
		if err := isFile(c.Mapping); err != nil {
			return fmt.Errorf("--mapping: %w", err)
		}
		text, err := os.ReadFile(c.Mapping)
		if err != nil {
			return err
		}
		q.Mapping, q.MappingName = string(text), c.Mapping
	}
	if _, err := requested(q); err != nil {
		return err
	}
	if c.Server != "" {
		return c.send(ctx, m, format, q)
	}
	if m.Getenv("GOMEMLIMIT") == "" {
		// Restored at the end, for a test runs more than one command.
		defer debug.SetMemoryLimit(debug.SetMemoryLimit(importMemory))
	}
	unmake, err := f.make(ctx, m)
	if err != nil {
		return err
	}
	var spools []string
	defer func() {
		for _, path := range spools {
			_ = os.Remove(path)
		}
	}()
	for _, name := range c.Files {
		file, spooled, err := f.readable(ctx, name, m.Stdin)
		if err != nil {
			return errors.Join(interruptedOr(ctx, err), unmake())
		}
		if spooled {
			spools = append(spools, file.Path)
		}
		q.Files = append(q.Files, file)
	}
	bar := newImportBar(m.Stderr)
	var report ingest.Report
	err = f.reach(ctx, badgerstore.Options{Logger: m.warnings(), Loading: true}, func(ctx context.Context, admin control.Admin) (err error) {
		report, err = admin.Import(ctx, q, bar.show)
		return err
	})
	bar.done()
	if report.Applied.Revision == 0 {
		err = errors.Join(err, unmake())
	}
	remedy := "run it again with --resume to go on"
	if slices.Contains(c.Files, "-") { // a journal does not know it again
		remedy = "run it again: what is known already changes nothing"
	}
	return c.tell(ctx, m, format, report, err, remedy)
}

// isFile says so where something is not there, or is a folder.
func isFile(name string) error {
	if name == "-" {
		return nil
	}
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: no such file; look at its name and folder", name)
	case err != nil:
		return err
	case info.IsDir():
		return fmt.Errorf("%s is a folder; name the files in it", name)
	}
	return nil
}

// tell says what came of an import.
func (c *importing) tell(ctx context.Context, m *Main, format ingest.Format, report ingest.Report, err error, remedy string) error {
	if err == nil {
		_, err = io.WriteString(m.Stdout, importReport(format, report, c.DryRun))
		return err
	}
	if report.Applied.Revision == 0 {
		if err = interruptedOr(ctx, err); errors.Is(err, errInterrupted) && !c.DryRun {
			return fmt.Errorf("%w; %s", err, remedy) // a server may have written, and does not tell
		}
		return err
	}
	done := fmt.Sprintf("%s were read and the store is consistent; %s", counted(report.Read(), "record", ""), remedy)
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return fmt.Errorf("interrupted: %s", done)
	}
	return fmt.Errorf("%w; %s", err, done)
}

// send lets the server at an address import the files.
func (c *importing) send(ctx context.Context, m *Main, format ingest.Format, q control.ImportRequest) error {
	server, err := url.Parse(c.Server)
	if err != nil || server.Host == "" || server.Scheme != "http" && server.Scheme != "https" {
		return fmt.Errorf("--server %s: expected an address such as https://graph.example.org", c.Server)
	}
	if c.Resume {
		return errors.New("--resume goes on in a data folder; what is sent to a server is sent again, and what is known already changes nothing")
	}
	if c.Token == "" {
		return errors.New("--server needs a token with the scope write: set KEIRETSU_TOKEN")
	}
	body, stop, err := c.body(m.Stdin)
	if err != nil {
		return err
	}
	defer stop()
	if len(c.Files) == 1 { // several are an archive, which names them
		q.Files = []control.ImportFile{{Name: filepath.Base(c.Files[0])}}
	}
	bar := newImportBar(m.Stderr)
	report, err := control.Upload(ctx, http.DefaultClient, server, c.Token, q, body, bar.show)
	bar.done()
	return c.tell(ctx, m, format, report, err, "send it again: what is known already changes nothing")
}

// body is one file as it is, or several as an archive that is made on the way.
func (c *importing) body(stdin io.Reader) (body io.Reader, stop func(), err error) {
	open := func(name string) (io.ReadCloser, error) {
		if name == "-" {
			return io.NopCloser(stdin), nil
		}
		return os.Open(name)
	}
	if len(c.Files) == 1 {
		f, err := open(c.Files[0])
		if err != nil {
			return nil, nil, err
		}
		return f, func() { _ = f.Close() }, nil
	}
	from, to := io.Pipe()
	go func() {
		archive := zip.NewWriter(to)
		err := func() error {
			for n, name := range c.Files {
				f, err := open(name)
				if err != nil {
					return err
				}
				// What is packed stays as it is, and is unpacked where it arrives.
				w, err := archive.CreateHeader(&zip.FileHeader{Name: fmt.Sprintf("%d/%s", n+1, filepath.Base(name)), Method: zip.Store})
				if err == nil {
					_, err = io.Copy(w, f)
				}
				if err := errors.Join(err, f.Close()); err != nil {
					return err
				}
			}
			return archive.Close()
		}()
		to.CloseWithError(err)
	}()
	return from, func() { _ = from.Close() }, nil
}

// suggest drafts a mapping for a table.
func (c *importing) suggest(ctx context.Context, m *Main) error {
	if c.Format != csvtable.Format(nil).Name {
		return errors.New("--suggest drafts the mapping of a table; its format is csv")
	}
	if len(c.Files) > 1 {
		return errors.New("--suggest drafts the mapping of one table; name one file")
	}
	in, stop, err := c.sample(ctx, m.Stdin)
	if err != nil {
		return err
	}
	drafted, err := csvtable.Suggest(in)
	if err := errors.Join(err, stop()); err != nil {
		return err
	}
	_, err = io.WriteString(m.Stdout, drafted)
	return err
}

// sample opens the table, of which no more than a beginning is read.
// Standard input is taken as it is: no more of it is awaited than is looked at.
func (c *importing) sample(ctx context.Context, stdin io.Reader) (in ingest.Input, stop func() error, err error) {
	name := c.Files[0]
	if name == "-" {
		return ingest.Input{Name: name, Reader: stdin}, func() error { return nil }, nil
	}
	if err := isFile(name); err != nil {
		return ingest.Input{}, nil, err
	}
	files, err := unpack.Files(name, name)
	if err != nil {
		return ingest.Input{}, nil, err
	}
	r, err := files[0].Open(ctx)
	return ingest.Input{Name: files[0].Name, Reader: r}, func() error { return r.Close() }, err
}

// requested returns the format that a request names, with its mapping.
func requested(q control.ImportRequest) (ingest.Format, error) {
	f, err := formatNamed(q.Format)
	if err == nil {
		err = f.CheckDataset(q.Dataset, q.Complete)
	}
	switch {
	case err != nil || q.Mapping == "" && f.Name != csvtable.Format(nil).Name:
		return f, err
	case f.Name != csvtable.Format(nil).Name:
		return f, kg.Invalidf("", "%s needs no mapping; that is for csv", f.Name)
	case q.Mapping == "":
		return f, kg.Invalidf("", "a table needs a mapping that says what its columns mean (--mapping FILE, or mapping in the address of an upload); keiretsu import csv --suggest FILE drafts one")
	}
	mapping, err := csvtable.ParseMapping(q.MappingName, []byte(q.Mapping))
	if err != nil {
		return f, shown(err)
	}
	return csvtable.Format(mapping), nil
}

// interruptedOr returns the error, or that there was an end by signal.
func interruptedOr(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return errInterrupted
	}
	return err
}

// localUser is the name under which someone with an account on this machine writes.
func localUser() string {
	if u, err := user.Current(); err == nil && len(u.Username) < kg.MaxAuthor-len("local:") {
		return "local:" + u.Username
	}
	return "local:"
}

// readable returns a file that can be read more than once. What cannot, such as
// standard input, is copied into the data folder.
func (f *folder) readable(ctx context.Context, name string, stdin io.Reader) (file control.ImportFile, spooled bool, err error) {
	from := stdin
	if name != "-" {
		info, err := os.Stat(name)
		if err != nil {
			return control.ImportFile{}, false, err
		}
		if info.Mode().IsRegular() {
			path, err := filepath.Abs(name)
			return control.ImportFile{Path: path, Name: name}, false, err
		}
		opened, err := os.Open(name)
		if err != nil {
			return control.ImportFile{}, false, err
		}
		defer opened.Close()
		from = opened
	}
	path, err := f.spool(ctx, from)
	return control.ImportFile{Path: path, Name: name}, true, err
}

// spoolPattern names what is copied into the data folder for an import.
const spoolPattern = ".import-*"

// spool copies what is read into a file of the data folder.
func (f *folder) spool(ctx context.Context, from io.Reader) (path string, err error) {
	dir, err := filepath.Abs(f.Data)
	if err != nil {
		return "", err
	}
	file, err := os.CreateTemp(dir, spoolPattern)
	if err != nil {
		return "", err
	}
	copied := make(chan error, 1)
	go func() {
		_, err := io.Copy(file, from)
		copied <- err
	}()
	select {
	case err = <-copied:
	case <-ctx.Done(): // what is read may never end, and nobody waits for it
		err = ctx.Err()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return "", errors.Join(err, os.Remove(file.Name()))
	}
	return file.Name(), nil
}

// kept copies what is sent to a server into the data folder.
func (f *folder) kept(ctx context.Context, from io.Reader) (path string, remove func(), err error) {
	path, err = f.spool(ctx, from)
	return path, func() { _ = os.Remove(path) }, err
}

// make makes the store of a data folder that has none yet. The returned function
// takes that back: nothing has been recorded after all.
func (f *folder) make(ctx context.Context, m *Main) (unmake func() error, err error) {
	if _, err := os.Stat(f.store()); err == nil {
		return func() error { return nil }, nil
	}
	store, err := badgerstore.Open(ctx, badgerstore.Options{Dir: f.store(), Logger: m.warnings()})
	if err != nil {
		return nil, err
	}
	return func() error {
		err := os.RemoveAll(f.store())
		_ = os.Remove(f.Data) // where there is nothing else in it
		return err
	}, store.Close()
}

// Import imports files into the store.
func (a *administration) Import(ctx context.Context, q control.ImportRequest, told func(ingest.Progress)) (ingest.Report, error) {
	if !a.importing.TryLock() {
		return ingest.Report{}, kg.Invalidf("", "another import is running; wait until it is done")
	}
	defer a.importing.Unlock()
	format, err := requested(q)
	if err != nil {
		return ingest.Report{}, err
	}
	stream := a.graph.Stream()
	defer stream.Close()
	i := &ingest.Import{Format: format, Graph: stream, By: q.By, Recorded: q.Recorded, Dataset: q.Dataset, Complete: q.Complete, DryRun: q.DryRun, Progress: told}
	for _, file := range q.Files {
		files, err := unpack.Files(file.Path, file.Name)
		if err != nil {
			return ingest.Report{}, shown(err)
		}
		i.Files = append(i.Files, files...)
	}
	if q.DryRun {
		report, err := i.Run(ctx)
		return report, shown(err)
	}
	j, err := openJournal(a.folder.journal(), q)
	if err != nil {
		return ingest.Report{}, shown(err)
	}
	line := a.announcement(ctx, "import "+q.Format, q.By)
	i.Graph = announced{stream, func() error { return line.begin(a.folder, a.log) }}
	i.Resume, i.Note = j.steps, j.note
	report, err := i.Run(ctx)
	err = shown(errors.Join(err, j.close(err == nil)))
	line.done(report.Applied, err)
	return report, err
}

// shown turns an error of reading files into one that whoever asked may see.
func shown(err error) error {
	var path *os.PathError
	if broken, ok := errors.AsType[*ingest.Broken](err); ok {
		return &kg.InvalidError{Reason: broken.Error()}
	}
	if errors.As(err, &path) {
		return &kg.InvalidError{Reason: path.Error()}
	}
	return err
}

// importReport says what came of an import.
func importReport(format ingest.Format, r ingest.Report, dry bool) string {
	var b strings.Builder
	seconds := r.Took.Seconds()
	fmt.Fprintf(&b, "%s: read %s in %s", format.Name, counted(r.Read(), "record", ""), r.Took.Round(10*time.Millisecond))
	if rate := float64(r.Read()) / seconds; seconds >= 1 {
		fmt.Fprintf(&b, " (%.0f a second)", rate)
	}
	var kinds []string
	for _, k := range []struct {
		n         int
		one, many string
	}{
		{r.Sources, "source", ""},
		{r.Metrics, "metric", ""},
		{r.Entities, "entity", "%d entities"},
		{r.Relations, "relation", ""},
		{r.Figures, "figure", ""},
		{r.Absences, "absence", ""},
		{r.Claims, "claim", ""},
		{r.Conflicts, "conflict", ""},
		{r.Retractions, "correction", ""},
	} {
		if k.n > 0 {
			kinds = append(kinds, counted(k.n, k.one, k.many))
		}
	}
	if len(kinds) > 0 {
		fmt.Fprintf(&b, ": %s", strings.Join(kinds, ", "))
	}
	b.WriteByte('\n')
	line := func(n int, format string, args ...any) {
		if n > 0 {
			fmt.Fprintf(&b, "  "+format+"\n", args...)
		}
	}
	would := ""
	if dry {
		would = "would be "
	}
	fmt.Fprintf(&b, "  %s %snew, %d unchanged\n", counted(r.Applied.Recorded, "claim", ""), would, r.Applied.Known)
	line(r.Applied.Withheld, "%s taken back in the graph, and left so", counted(r.Applied.Withheld, "claim", ""))
	line(r.Applied.Retracted-r.Outdated, "%s %staken back by the files themselves", counted(r.Applied.Retracted-r.Outdated, "claim", ""), would)
	line(r.Outdated, "%s %staken back: the data set says so no longer", counted(r.Outdated, "claim", ""), would)
	changed := r.Applied.Recorded+r.Applied.Retracted > 0
	if changed && !dry && r.Recorded == ingest.RecordedSource {
		b.WriteString("  recorded when the source did: what was known at a moment of the past can be asked for\n")
		line(r.Shifted, "%s recorded later than the source did, because later things were recorded already", counted(r.Shifted, "claim", ""))
	} else if changed && !dry && format.History {
		b.WriteString("  recorded as of now: what the source knew at a moment of the past cannot be asked for\n")
	}
	line(r.Merged, "%s merged with others by a strong identifier", counted(r.Merged, "entity", "%d entities"))
	line(r.Made, "%s of which the files tell no more than who they are", counted(r.Made, "entity", "%d entities"))
	line(r.Dropped.Count(), "%d dropped:", r.Dropped.Count())
	for _, reason := range r.Dropped.Reasons {
		fmt.Fprintf(&b, "    %7d  %s (%s%s)\n", reason.Count, reason.Reason, places(reason.First), map[bool]string{true: ", …"}[reason.Count > len(reason.First)])
	}
	line(r.Dropped.Others, "  %7d  for other reasons", r.Dropped.Others)
	if !dry && r.Applied.Revision > 0 {
		fmt.Fprintf(&b, "  the graph is at revision %d\n", r.Applied.Revision)
	}
	return b.String()
}

var lineForm = regexp.MustCompile(`(?::\d+){1,2}$`)

// places lists places in files, each file once: a.json:2, :9, b.json:1.
func places(first []string) string {
	told := make([]string, len(first))
	last := ""
	for n, place := range first {
		file := strings.TrimSuffix(place, lineForm.FindString(place))
		told[n] = place
		if n > 0 && file == last {
			told[n] = strings.TrimPrefix(place, file)
		}
		last = file
	}
	return strings.Join(told, ", ")
}
