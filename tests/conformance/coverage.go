package conformance

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Checks returns the name of the test function that checks each sentence. It reads
// the source of the tests in dir: the second argument of sentence, the key ids of a
// table, and the key option of the table of mount options.
func Checks(dir string) (map[string]string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		return nil, err
	}
	var decls []ast.Decl
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		tree, err := parser.ParseFile(token.NewFileSet(), file, text, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		decls = append(decls, tree.Decls...)
	}
	checks := map[string]string{}
	for _, d := range decls {
		name := declared(d)
		if _, function := d.(*ast.FuncDecl); !function {
			name = user(decls, name)
		}
		for id := range idsOf(d) {
			if checks[id] != "" {
				return nil, fmt.Errorf("%s is checked twice", id)
			}
			checks[id] = name
		}
	}
	return checks, nil
}

// declared is the name that a declaration makes.
func declared(d ast.Decl) string {
	switch d := d.(type) {
	case *ast.FuncDecl:
		return d.Name.Name
	case *ast.GenDecl:
		if len(d.Specs) == 1 {
			if v, ok := d.Specs[0].(*ast.ValueSpec); ok {
				return v.Names[0].Name
			}
		}
	}
	return ""
}

// user is the first function that has the name of a table in it.
func user(decls []ast.Decl, table string) string {
	for _, d := range decls {
		f, ok := d.(*ast.FuncDecl)
		found := false
		ast.Inspect(d, func(n ast.Node) bool {
			i, is := n.(*ast.Ident)
			found = found || ok && is && i.Name == table
			return !found
		})
		if found {
			return f.Name.Name
		}
	}
	return table
}

// idsOf yields the ids that a declaration names.
func idsOf(d ast.Decl) iter.Seq[string] {
	return func(yield func(string) bool) {
		ast.Inspect(d, func(n ast.Node) bool {
			for id := range strings.FieldsSeq(literalIDs(n)) {
				if !yield(id) {
					return false
				}
			}
			return true
		})
	}
}

// literalIDs returns the ids that one node of the source names.
func literalIDs(n ast.Node) string {
	switch n := n.(type) {
	case *ast.CallExpr:
		if f, ok := n.Fun.(*ast.Ident); ok && f.Name == "sentence" && len(n.Args) > 1 {
			return literal(n.Args[1])
		}
	case *ast.KeyValueExpr:
		switch key, _ := n.Key.(*ast.Ident); {
		case key == nil:
		case key.Name == "ids":
			return literal(n.Value)
		case key.Name == "option":
			return "configLinuxMountOptions." + literal(n.Value)
		}
	}
	return ""
}

func literal(e ast.Expr) string {
	l, ok := e.(*ast.BasicLit)
	if !ok || l.Kind != token.STRING {
		return ""
	}
	text, _ := strconv.Unquote(l.Value)
	return text
}
