package main

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ffd200af/raft/cmd/raftpage/run"
)

//go:embed web
var web embed.FS

// policy keeps the page from fetching anything from elsewhere.
const policy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; " +
	"img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// handler serves the page, the library and the stories. ctx ends compilations.
func handler(ctx context.Context, source string, b *builder) http.Handler {
	mux := http.NewServeMux()
	files, err := fs.Sub(web, "web")
	if err != nil {
		panic(err) // the folder is embedded
	}
	mux.Handle("GET /", http.FileServerFS(files))
	mux.HandleFunc("GET /wasm_exec.js", func(w http.ResponseWriter, r *http.Request) {
		text, err := b.support(r.Context())
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		http.ServeContent(w, r, "wasm_exec.js", time.Time{}, bytes.NewReader(text))
	})
	mux.HandleFunc("GET /core.wasm", func(w http.ResponseWriter, r *http.Request) {
		without := r.FormValue("without")
		if without != "" && !slices.ContainsFunc(run.Lessons(), func(l run.Lesson) bool { return l.Rule == without }) {
			http.Error(w, "there is no such rule", http.StatusNotFound)
			return
		}
		name, err := b.build(ctx, without)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		http.ServeFile(w, r, name)
	})
	mux.HandleFunc("GET /stories.json", func(w http.ResponseWriter, _ *http.Request) {
		list, err := stories(source)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		answer(w, list)
	})
	mux.HandleFunc("GET /stories/{name}", func(w http.ResponseWriter, r *http.Request) {
		name := r.PathValue("name")
		if filepath.Base(name) != name || filepath.Ext(name) != ".txt" {
			http.NotFound(w, r)
			return
		}
		http.ServeFile(w, r, filepath.Join(source, "testdata", name))
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-cache")
		mux.ServeHTTP(w, r)
	})
}

func answer(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value)
}

// story is a script of testdata.
type story struct {
	File  string `json:"file"`
	About string `json:"about"` // the first sentence of its header
}

// stories lists the scripts of testdata.
func stories(source string) ([]story, error) {
	paths, err := filepath.Glob(filepath.Join(source, "testdata", "*.txt"))
	if err != nil {
		return nil, err
	}
	list := make([]story, 0, len(paths))
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		list = append(list, story{File: filepath.Base(path), About: firstSentence(string(text))})
	}
	return list, nil
}

// firstSentence is the beginning of a script's header.
func firstSentence(script string) string {
	var header []string
	for line := range strings.Lines(script) {
		comment, ok := strings.CutPrefix(line, "#")
		if !ok {
			break
		}
		header = append(header, strings.TrimSpace(comment))
	}
	text := strings.Join(header, " ")
	if sentence, _, more := strings.Cut(text, ". "); more {
		return sentence + "."
	}
	return text
}
