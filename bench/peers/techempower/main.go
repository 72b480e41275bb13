// SPDX-License-Identifier: MIT
// main.go — the same as examples/techempower, by net/http and pgx. The
// statements of one request go through a pipeline, each with a Sync of its
// own as in bide: none fails with another. With "batch" they have one Sync
// and are one transaction, which costs the server less.
// Arguments: PORT URL [batch].
package main

import (
	"context"
	endian "encoding/binary"
	"encoding/json"
	"fmt"
	"html/template"
	"math/rand"
	"net/http"
	"os"
	"sort"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	worlds      = 10000
	connections = "16"
	selectWorld = "SELECT id, randomnumber FROM world WHERE id = $1"
	updateWorld = "UPDATE world SET randomnumber = new.number " +
		"FROM unnest($1::int[], $2::int[]) AS new (id, number) " +
		"WHERE world.id = new.id"
)

type world struct {
	Id           int32 `json:"id"`
	RandomNumber int32 `json:"randomNumber"`
}

type fortune struct {
	Id      int32
	Message string
}

var pool *pgxpool.Pool

var page = template.Must(template.New("").Parse("<!DOCTYPE html><html>" +
	"<head><title>Fortunes</title></head><body><table><tr><th>id</th>" +
	"<th>message</th></tr>{{range .}}<tr><td>{{.Id}}</td><td>{{.Message}}" +
	"</td></tr>{{end}}</table></body></html>"))

func anyWorld() int32 {
	return rand.Int31n(worlds) + 1
}

func countOf(r *http.Request) int {
	count, _ := strconv.Atoi(r.URL.Query().Get("queries"))
	return max(1, min(count, 500))
}

func reply(w http.ResponseWriter, value any, err error) {
	if err != nil {
		http.Error(w, err.Error(), 500)
		return
	}
	text, _ := json.Marshal(value)
	w.Header().Set("Content-Type", "application/json")
	w.Write(text)
}

func choose(count int) []int32 {
	ids := make([]int32, 0, count)
	taken := make(map[int32]bool, count)
	for len(ids) < count {
		id := anyWorld()
		if !taken[id] {
			taken[id] = true
			ids = append(ids, id)
		}
	}
	return ids
}

func fetchBatch(ctx context.Context, count int) ([]world, error) {
	batch := &pgx.Batch{}
	for _, id := range choose(count) {
		batch.Queue(selectWorld, id)
	}
	results := pool.SendBatch(ctx, batch)
	defer results.Close()
	found := make([]world, count)
	for i := range found {
		err := results.QueryRow().Scan(&found[i].Id, &found[i].RandomNumber)
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

func fetchPipeline(ctx context.Context, count int) ([]world, error) {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Release()
	if _, err = conn.Conn().Prepare(ctx, "world", selectWorld); err != nil {
		return nil, err
	}
	binary := []int16{1}
	pipeline := conn.Conn().PgConn().StartPipeline(ctx)
	for _, id := range choose(count) {
		key := endian.BigEndian.AppendUint32(nil, uint32(id))
		pipeline.SendQueryPrepared("world", [][]byte{key}, binary, binary)
		pipeline.SendPipelineSync()
	}
	if err = pipeline.Flush(); err != nil {
		return nil, err
	}
	found := make([]world, 0, count)
	for {
		results, err := pipeline.GetResults()
		if err != nil {
			return nil, err
		}
		if results == nil {
			return found, pipeline.Close()
		}
		rows, ok := results.(*pgconn.ResultReader)
		for ok && rows.NextRow() {
			row := rows.Values()
			found = append(found, world{
				int32(endian.BigEndian.Uint32(row[0])),
				int32(endian.BigEndian.Uint32(row[1]))})
		}
	}
}

var fetchWorlds = fetchPipeline

func db(w http.ResponseWriter, r *http.Request) {
	var one world
	err := pool.QueryRow(r.Context(), selectWorld, anyWorld()).
		Scan(&one.Id, &one.RandomNumber)
	reply(w, one, err)
}

func queries(w http.ResponseWriter, r *http.Request) {
	found, err := fetchWorlds(r.Context(), countOf(r))
	reply(w, found, err)
}

func updates(w http.ResponseWriter, r *http.Request) {
	found, err := fetchWorlds(r.Context(), countOf(r))
	sort.Slice(found, func(i, j int) bool { return found[i].Id < found[j].Id })
	ids, numbers := []int32{}, []int32{}
	for i := range found {
		found[i].RandomNumber = anyWorld()
		ids = append(ids, found[i].Id)
		numbers = append(numbers, found[i].RandomNumber)
	}
	if err == nil {
		_, err = pool.Exec(r.Context(), updateWorld, ids, numbers)
	}
	reply(w, found, err)
}

func fortunes(w http.ResponseWriter, r *http.Request) {
	rows, err := pool.Query(r.Context(), "SELECT id, message FROM fortune")
	if err != nil {
		http.Error(w, err.Error(), 500)
		return
	}
	all := []fortune{{0, "Additional fortune added at request time."}}
	for rows.Next() {
		var one fortune
		if err = rows.Scan(&one.Id, &one.Message); err != nil {
			break
		}
		all = append(all, one)
	}
	rows.Close()
	if err == nil {
		err = rows.Err()
	}
	if err != nil {
		http.Error(w, err.Error(), 500)
		return
	}
	sort.Slice(all, func(i, j int) bool {
		return all[i].Message < all[j].Message
	})
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	page.Execute(w, all)
}

func main() {
	var err error
	pool, err = pgxpool.New(context.Background(),
		os.Args[2]+"&pool_max_conns="+connections)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if len(os.Args) > 3 {
		fetchWorlds = fetchBatch
	}
	http.HandleFunc("/db", db)
	http.HandleFunc("/queries", queries)
	http.HandleFunc("/updates", updates)
	http.HandleFunc("/fortunes", fortunes)
	fmt.Fprintln(os.Stderr,
		http.ListenAndServe("127.0.0.1:"+os.Args[1], nil))
	os.Exit(1)
}
