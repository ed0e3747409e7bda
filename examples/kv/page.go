package main

import (
	"bytes"
	"embed"
	"net/http"
	"time"
)

// The page at / for a browser: three files, nothing is built and nothing comes from elsewhere.

//go:embed page.html page.css page.js
var pageFiles embed.FS

// pagePolicy lets the page have what this replica serves and nothing else. No script may make
// elements of text (trusted types): texts of other replicas stay texts.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// servePage returns a handler for one of the files.
func servePage(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		text, err := pageFiles.ReadFile(name)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		h := w.Header()
		h.Set("Content-Security-Policy", pagePolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-cache") // another version of this program may have another page
		http.ServeContent(w, req, name, time.Time{}, bytes.NewReader(text))
	}
}

// ownPagesOnly refuses writes that the page of another origin sends. The browser says where they
// come from; programs do not.
func ownPagesOnly(next http.Handler) http.Handler {
	return http.NewCrossOriginProtection().Handler(next)
}
