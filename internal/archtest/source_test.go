package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

const (
	// module is the path in go.mod, which every import of ours starts with.
	module = "keiretsu"
	// root leads from this package to the root of the module.
	root = "../.."
	// generated is the one room that nobody edits.
	generated = "graph/generated"
)

// goFile is one parsed Go file of the module, whatever its build constraints.
type goFile struct {
	name string // from the root, with slashes
	room string // the folder of name
	ast  *ast.File
	fset *token.FileSet
}

func (f goFile) isTest() bool { return strings.HasSuffix(f.name, "_test.go") }

// place is file:line:column of a position, from the root.
func (f goFile) place(pos token.Pos) string {
	p := f.fset.Position(pos)
	p.Filename = f.name
	return p.String()
}

// goFiles parses every Go file of the module. It walks the tree itself instead
// of asking the go command, so that files for other systems or build tags are
// seen too, and so that the test cache notices new folders.
func goFiles(t *testing.T) []goFile {
	t.Helper()
	var files []goFile
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			if rel != "." && !holdsOurs(rel) {
				return filepath.SkipDir
			}
			return nil
		}
		if path.Ext(rel) != ".go" {
			return nil
		}
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, name, nil, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			return err
		}
		files = append(files, goFile{name: rel, room: path.Dir(rel), ast: f, fset: fset})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatal("found no Go file; does root still lead to the module?")
	}
	return files
}

// holdsOurs reports whether packages of this module may lie in a folder: not in
// hidden ones, test data, npm's downloads, a running server's data or another
// module.
func holdsOurs(dir string) bool {
	base := path.Base(dir)
	if strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "testdata" || base == "node_modules" || dir == "data" {
		return false
	}
	_, err := os.Stat(filepath.Join(root, dir, "go.mod"))
	return os.IsNotExist(err)
}
