// SPDX-License-Identifier: MIT
// items.go — what bench/web.c serves, by net/http and encoding/json, with the
// same checks written by hand. Arguments: PORT.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
)

type newItem struct {
	Name  string   `json:"name"`
	Price float64  `json:"price"`
	Qty   *int64   `json:"qty"`
	Tags  []string `json:"tags"`
	Note  *string  `json:"note"`
}

type item struct {
	Id    int64    `json:"id"`
	Shop  int64    `json:"shop"`
	Name  string   `json:"name"`
	Total float64  `json:"total"`
	Tags  []string `json:"tags"`
}

func valid(in *newItem) bool {
	return len(in.Name) >= 1 && len(in.Name) <= 80 && in.Price > 0 &&
		(in.Qty == nil || *in.Qty >= 1) && in.Tags != nil &&
		len(in.Tags) <= 10 && (in.Note == nil || len(*in.Note) <= 500)
}

func create(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(r.URL.Path, "/")
	if len(parts) != 4 || parts[1] != "shops" || parts[3] != "items" {
		http.NotFound(w, r)
		return
	}
	shop, err := strconv.ParseInt(parts[2], 10, 64)
	dry, dryErr := strconv.ParseBool(r.URL.Query().Get("dry"))
	body, bodyErr := io.ReadAll(io.LimitReader(r.Body, 65536))
	var in newItem
	if err != nil || shop < 1 || dryErr != nil || bodyErr != nil ||
		json.Unmarshal(body, &in) != nil || !valid(&in) {
		http.Error(w, "{}", 422)
		return
	}
	qty := int64(1)
	if in.Qty != nil {
		qty = *in.Qty
	}
	out := item{1, shop, in.Name, in.Price * float64(qty), in.Tags}
	if dry {
		out.Id = 0
	}
	text, _ := json.Marshal(out)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(201)
	w.Write(text)
}

func main() {
	http.HandleFunc("/shops/", create)
	fmt.Println(http.ListenAndServe("127.0.0.1:"+os.Args[1], nil))
}
