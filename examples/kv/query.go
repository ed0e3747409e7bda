package main

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// What a request's URL says: the key, and query parameters. Nothing in it is ignored or changed: a
// condition with a typing error must not become a write without a condition, nor one key another.

// keyPath is where requests for keys are handled.
const keyPath = "/kv"

// keyIn returns the key of a path; empty if there is none.
func keyIn(path string) string {
	if key, ok := strings.CutPrefix(path, keyPath+"/"); ok {
		return key
	}
	return ""
}

// handleKeys has requests for a key handled by their method, and all others by next. http.ServeMux
// would redirect a path with empty segments or dots to another one, which is another key. A GET
// without a key lists keys, and goes to next.
func handleKeys(byMethod map[string]http.HandlerFunc, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		method := req.Method
		if method == http.MethodHead {
			method = http.MethodGet
		}
		switch path := req.URL.Path; {
		case path != keyPath && !strings.HasPrefix(path, keyPath+"/"), path == keyPath+"/" && method == http.MethodGet:
			next.ServeHTTP(w, req)
		case byMethod[method] == nil:
			w.Header().Set("Allow", "DELETE, GET, HEAD, PUT")
			http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
		default:
			byMethod[method](w, req)
		}
	})
}

// checkQuery refuses a request with query parameters other than those named.
func checkQuery(handle http.HandlerFunc, names []string) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		if req.URL.RawQuery == "" {
			handle(w, req)
			return
		}
		query, err := url.ParseQuery(req.URL.RawQuery)
		for name, values := range query {
			switch {
			case !slices.Contains(names, name):
				err = fmt.Errorf("unknown query parameter %q: %s %s takes %s",
					name, req.Method, req.URL.Path, listed(names))
			case len(values) > 1:
				err = fmt.Errorf("query parameter %q is given %d times", name, len(values))
			case slices.Contains(flags, name) && values[0] != "" && !isBool(values[0]):
				err = fmt.Errorf("query parameter %q must be true or false, not %q", name, values[0])
			}
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		handle(w, req)
	}
}

func listed(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, " and ")
}

// flags are the parameters that are set by their name alone, or to a boolean.
var flags = []string{"absent", "stale", "force"}

// flagIn reports whether a flag of a checked query is set.
func flagIn(query url.Values, name string) bool {
	set, err := strconv.ParseBool(query.Get(name))
	return query.Has(name) && (set || err != nil) // an error means that it is empty
}

func isBool(word string) bool {
	_, err := strconv.ParseBool(word)
	return err == nil
}
