package server

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/validator"
)

// Documents are texts that the operator of a server trusts: clients ask for
// them by the SHA-256 of their text, and a server can be told to answer nothing
// else. The zero value holds none.
type Documents struct {
	texts map[string]string // by the hash in lower-case hexadecimal digits
}

// Len returns how many texts there are; one that is known with and without the
// line break at its end counts twice.
func (d *Documents) Len() int { return len(d.texts) }

// text returns the document of a hash.
func (d *Documents) text(hash string) (string, bool) {
	if d == nil {
		return "", false
	}
	text, ok := d.texts[hash]
	return text, ok
}

// maxDocumentFile bounds a file of trusted documents, in bytes.
const maxDocumentFile = 16 << 20

// ReadDocuments reads trusted documents from a file or from all files of a
// folder and those below it. A file that ends in .graphql or .gql is one
// document; it is known by the hash of the whole file and by that of the file
// without white space at its end. A file that ends in .json is a manifest: an
// object of texts by their hash. In a folder, other files are passed over.
//
// Each document is held against the schema and the limits. The error names every
// mistake in every file, one a line, with file, line and column.
func ReadDocuments(name string, schema *ast.Schema, limits Limits) (*Documents, error) {
	r := &documentReader{
		documents: &Documents{texts: map[string]string{}}, schema: schema,
		guard: guard{limits: limits.withDefaults(), cache: graphql.NoCache[*ast.QueryDocument]{}},
	}
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("trusted documents cannot be read: %w", err)
	}
	if !info.IsDir() {
		if !r.file(name) {
			return nil, fmt.Errorf("%s: trusted documents are files that end in .graphql, .gql or .json", name)
		}
		return r.documents, errors.Join(r.mistakes...)
	}
	err = filepath.WalkDir(name, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			r.file(path)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("trusted documents cannot be read: %w", err)
	}
	if len(r.mistakes) == 0 && len(r.documents.texts) == 0 {
		return nil, fmt.Errorf("%s: there is no trusted document in this folder; they are files that end in .graphql, .gql or .json", name)
	}
	return r.documents, errors.Join(r.mistakes...)
}

type documentReader struct {
	documents *Documents
	schema    *ast.Schema
	guard     guard
	mistakes  []error
}

func (r *documentReader) mistake(format string, args ...any) {
	r.mistakes = append(r.mistakes, fmt.Errorf(format, args...))
}

// file reads a file; it reports whether the name is one of a document.
func (r *documentReader) file(name string) bool {
	read := r.manifest
	switch filepath.Ext(name) {
	case ".graphql", ".gql":
		read = r.single
	case ".json":
	default:
		return false
	}
	info, err := os.Stat(name)
	if err == nil && info.Size() > maxDocumentFile {
		err = fmt.Errorf("%s: is longer than %d bytes", name, maxDocumentFile)
	}
	var text []byte
	if err == nil {
		text, err = os.ReadFile(name)
	}
	if err != nil {
		r.mistakes = append(r.mistakes, err)
		return true
	}
	read(name, text)
	return true
}

func (r *documentReader) single(name string, text []byte) {
	if r.check(name, 0, string(text)) {
		for _, text := range []string{string(text), strings.TrimRight(string(text), " \t\r\n")} {
			r.documents.texts[hashOf(text)] = text
		}
	}
}

// manifest reads {"hash": "text", …}.
func (r *documentReader) manifest(name string, content []byte) {
	line := func(offset int64) int { return 1 + bytes.Count(content[:offset], []byte("\n")) }
	dec := json.NewDecoder(bytes.NewReader(content))
	if start, err := dec.Token(); err != nil || start != json.Delim('{') {
		r.mistake("%s:1: a manifest is a JSON object of documents by their SHA-256", name)
		return
	}
	for dec.More() {
		key, err := dec.Token()
		at := line(dec.InputOffset())
		var text string
		if err == nil {
			err = dec.Decode(&text)
		}
		if err != nil {
			r.mistake("%s:%d: this is not JSON, or a document that is no text", name, line(dec.InputOffset()))
			return
		}
		hash, _ := key.(string)
		switch actual := hashOf(text); {
		case hash != actual:
			r.mistake("%s:%d: the document does not have the hash %s but %s", name, at, shorten(hash, 64), actual)
		case r.check(name, at, text):
			r.documents.texts[hash] = text
		}
	}
	if _, err := dec.Token(); err != nil {
		r.mistake("%s:%d: the object does not end", name, line(int64(len(content))))
	}
}

// check holds a document against limits and schema. In a manifest, where all of
// it stands in one line, at is that line; else it is 0.
func (r *documentReader) check(name string, at int, text string) bool {
	found := gqlerror.List{}
	if doc, refused := r.guard.parse(text); refused != nil {
		found = append(found, refused)
	} else if found = validator.ValidateWithRules(r.schema, doc, nil); len(found) == 0 && len(doc.Operations) == 0 {
		found = append(found, gqlerror.Errorf("there is no operation in it"))
	}
	for _, err := range found {
		line, column := at, 0
		if len(err.Locations) > 0 && at == 0 {
			line, column = err.Locations[0].Line, err.Locations[0].Column
		}
		switch {
		case column > 0:
			r.mistake("%s:%d:%d: %s", name, line, column, err.Message)
		case line > 0:
			r.mistake("%s:%d: %s", name, line, err.Message)
		default:
			r.mistake("%s: %s", name, err.Message)
		}
	}
	return len(found) == 0
}

// hashOf returns the SHA-256 of a text in hexadecimal digits.
func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// persisted finds the documents that clients name by their hash: trusted ones,
// and, by Apollo's protocol of automatic persisted queries, those that a client
// has sent before together with their hash. It runs before the guard.
//
// https://www.apollographql.com/docs/apollo-server/performance/apq describes the
// protocol; clients look for its codes and texts.
type persisted struct {
	trusted *Documents
	only    bool // nothing but trusted documents is answered
	sent    *textCache[string]
}

var (
	_ graphql.HandlerExtension          = persisted{}
	_ graphql.OperationParameterMutator = persisted{}
	_ graphql.OperationContextMutator   = persisted{}
)

func newPersisted(trusted *Documents, only bool) persisted {
	return persisted{trusted, only, newTextCache(persistedTexts, persistedTextBytes, func(_, text string) int { return len(text) })}
}

func (persisted) ExtensionName() string                   { return "PersistedDocuments" }
func (persisted) Validate(graphql.ExecutableSchema) error { return nil }

// MutateOperationParameters puts the text in the place of its hash.
func (p persisted) MutateOperationParameters(ctx context.Context, params *graphql.RawParams) *gqlerror.Error {
	hash, named, err := persistedHash(params.Extensions)
	switch {
	case err != nil:
		return err
	case !named && p.only:
		return p.trust(hashOf(params.Query))
	case !named:
		return nil
	case params.Query != "":
		if hashOf(params.Query) != hash {
			return refuseArgument("extensions.persistedQuery.sha256Hash", "provided sha does not match query")
		}
		if p.only {
			return p.trust(hash)
		}
		return nil
	}
	if text, ok := p.trusted.text(hash); ok {
		params.Query = text
		return nil
	}
	if p.only {
		return p.trust(hash)
	}
	text, ok := p.sent.Get(ctx, hash)
	if !ok {
		return refuse(codePersistedNotFound, "PersistedQueryNotFound")
	}
	params.Query = text
	return nil
}

func (p persisted) trust(hash string) *gqlerror.Error {
	if _, ok := p.trusted.text(hash); !ok {
		return refuse(codeForbidden, "this server answers trusted documents only, and this is none of them; its operator can add it")
	}
	return nil
}

// MutateOperationContext keeps a document that was sent with its hash, now that
// it is known to be a valid one.
func (p persisted) MutateOperationContext(ctx context.Context, op *graphql.OperationContext) *gqlerror.Error {
	if hash, named, err := persistedHash(op.Extensions); err == nil && named && !p.only {
		if _, ok := p.trusted.text(hash); !ok {
			p.sent.Add(ctx, hash, op.RawQuery)
		}
	}
	return nil
}

// persistedHash reads the extension persistedQuery; named is false where there
// is none.
func persistedHash(extensions map[string]any) (hash string, named bool, err *gqlerror.Error) {
	extension, named := extensions["persistedQuery"]
	if !named || extension == nil {
		return "", false, nil
	}
	fields, _ := extension.(map[string]any)
	version := fmt.Sprint(fields["version"]) // a number of either kind that JSON is read into
	hash, _ = fields["sha256Hash"].(string)
	hash = strings.ToLower(hash)
	if version != "1" || len(hash) != hex.EncodedLen(sha256.Size) || strings.Trim(hash, "0123456789abcdef") != "" {
		return "", true, refuseArgument("extensions.persistedQuery", "the extension persistedQuery must hold version, which is 1, and sha256Hash, 64 hexadecimal digits")
	}
	return hash, true, nil
}
