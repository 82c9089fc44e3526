package conformance

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
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
	checks := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		tree, err := parser.ParseFile(token.NewFileSet(), file, text, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		for _, d := range tree.Decls {
			if err := addChecks(checks, d); err != nil {
				return nil, err
			}
		}
	}
	return checks, nil
}

// addChecks adds those of one declaration.
func addChecks(checks map[string]string, d ast.Decl) error {
	name := ""
	if f, ok := d.(*ast.FuncDecl); ok {
		name = f.Name.Name
	}
	var err error
	ast.Inspect(d, func(n ast.Node) bool {
		for id := range strings.FieldsSeq(literalIDs(n)) {
			if _, twice := checks[id]; twice {
				err = fmt.Errorf("%s is checked twice", id)
			}
			checks[id] = name
		}
		return true
	})
	return err
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
