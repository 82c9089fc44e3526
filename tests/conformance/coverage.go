package conformance

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"iter"
	"os"
	"path/filepath"
	"slices"
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
		ids := slices.Collect(idsOf(d))
		if len(ids) == 0 {
			continue
		}
		name := test(decls, declared(d), map[string]bool{})
		for _, id := range ids {
			if _, twice := checks[id]; twice {
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

// test is the first test that has the name of a table or of another function in it,
// or in a function that it uses.
func test(decls []ast.Decl, name string, seen map[string]bool) string {
	if strings.HasPrefix(name, "Test") {
		return name
	}
	seen[name] = true
	for _, d := range decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || seen[f.Name.Name] || !mentions(f, name) {
			continue
		}
		if found := test(decls, f.Name.Name, seen); found != "" {
			return found
		}
	}
	return ""
}

func mentions(f *ast.FuncDecl, name string) bool {
	found := false
	ast.Inspect(f, func(n ast.Node) bool {
		i, ok := n.(*ast.Ident)
		found = found || ok && i.Name == name
		return !found
	})
	return found
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
