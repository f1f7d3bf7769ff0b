package hostmetrics

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

// postgresSource watches a PostgreSQL server through its statistics views. The
// user of the URL needs no more than the role pg_monitor.
func postgresSource(url string) *source {
	p := &postgres{url: url}
	return &source{name: "postgres", collect: p.collect, close: p.close}
}

type postgres struct {
	url  string
	conn *pgx.Conn
	tags []string // of the server
	db   string   // the database connected to
}

func (p *postgres) close() {
	if p.conn != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		p.conn.Close(ctx)
		p.conn = nil
	}
}

// collect reports the server's figures and whether it can be reached.
func (p *postgres) collect(ctx context.Context, r *report) error {
	err := p.measure(ctx, r)
	check := wireCheck{Check: "postgres.can_connect", Tags: append([]string{"db:" + p.db}, p.tags...)}
	if err != nil {
		check.Status, check.Message = 2, err.Error()
		p.close() // the next round tries anew
	}
	r.checks = append(r.checks, check)
	return err
}

func (p *postgres) measure(ctx context.Context, r *report) error {
	if p.conn == nil {
		config, err := pgx.ParseConfig(p.url)
		if err != nil {
			return fmt.Errorf("the URL of the PostgreSQL server: %w", err)
		}
		p.db, p.tags = config.Database, []string{"server:" + config.Host, "port:" + strconv.Itoa(int(config.Port))}
		config.RuntimeParams["application_name"] = "whippet"
		if p.conn, err = pgx.ConnectConfig(ctx, config); err != nil {
			return fmt.Errorf("connect to the PostgreSQL server at %s: %w", config.Host, err)
		}
	}
	for _, step := range []func(context.Context, *report) error{p.databases, p.connections, p.tables} {
		if err := step(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// The columns of pg_stat_database, as metrics of the agent's postgres check.
var databaseColumns = [...]struct{ column, metric string }{
	{"xact_commit", "postgresql.commits"}, {"xact_rollback", "postgresql.rollbacks"},
	{"blks_read", "postgresql.disk_read"}, {"blks_hit", "postgresql.buffer_hit"},
	{"tup_returned", "postgresql.rows_returned"}, {"tup_fetched", "postgresql.rows_fetched"},
	{"tup_inserted", "postgresql.rows_inserted"}, {"tup_updated", "postgresql.rows_updated"}, {"tup_deleted", "postgresql.rows_deleted"},
	{"deadlocks", "postgresql.deadlocks"}, {"temp_bytes", "postgresql.temp_bytes"}, {"temp_files", "postgresql.temp_files"},
}

// databases reports each database's connections and size, and how fast its
// counters grow.
func (p *postgres) databases(ctx context.Context, r *report) error {
	query := "SELECT datname, numbackends::float8, CASE WHEN has_database_privilege(datname, 'CONNECT') THEN pg_database_size(datname)::float8 END"
	for _, c := range databaseColumns {
		query += ", " + c.column + "::float8"
	}
	query += " FROM pg_stat_database WHERE datname IS NOT NULL AND datname NOT IN ('template0', 'template1')"
	return p.each(ctx, query, 3+len(databaseColumns), func(name []string, values []*float64) {
		tags := append([]string{"db:" + name[0]}, p.tags...)
		r.gauge("postgresql.connections", *values[0], tags...)
		if values[1] != nil {
			r.add(point{name: "postgresql.database_size", value: *values[1], tags: tags, unit: "byte"})
		}
		for i, c := range databaseColumns {
			r.rate(c.metric, *values[2+i], tags...)
		}
	}, 1)
}

// connections reports how much of the server's connections are taken.
func (p *postgres) connections(ctx context.Context, r *report) error {
	query := "SELECT count(*)::float8, current_setting('max_connections')::float8 FROM pg_stat_activity WHERE backend_type = 'client backend'"
	return p.each(ctx, query, 2, func(_ []string, values []*float64) {
		r.gauge("postgresql.max_connections", *values[1], p.tags...)
		r.gauge("postgresql.percent_usage_connections", *values[0] / *values[1], p.tags...)
	}, 0)
}

// mostTables bounds the tables that are reported one by one.
const mostTables = 100

// tables reports the largest tables of the database connected to.
func (p *postgres) tables(ctx context.Context, r *report) error {
	query := fmt.Sprintf(`SELECT schemaname, relname, n_live_tup::float8, n_dead_tup::float8, seq_scan::float8, seq_tup_read::float8,
		coalesce(idx_scan, 0)::float8, coalesce(idx_tup_fetch, 0)::float8 FROM pg_stat_user_tables ORDER BY n_live_tup DESC LIMIT %d`, mostTables)
	return p.each(ctx, query, 8, func(names []string, values []*float64) {
		tags := append([]string{"db:" + p.db, "schema:" + names[0], "table:" + names[1]}, p.tags...)
		r.gauge("postgresql.live_rows", *values[0], tags...)
		r.gauge("postgresql.dead_rows", *values[1], tags...)
		for i, metric := range []string{"postgresql.seq_scans", "postgresql.seq_rows_read", "postgresql.index_scans", "postgresql.index_rel_rows_fetched"} {
			r.rate(metric, *values[2+i], tags...)
		}
	}, 2)
}

// each calls fn with every row of a query: its first columns are names, the
// rest are numbers, nil where they are NULL.
func (p *postgres) each(ctx context.Context, query string, columns int, fn func(names []string, values []*float64), names int) error {
	rows, err := p.conn.Query(ctx, query)
	if err != nil {
		return fmt.Errorf("ask the PostgreSQL server: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		texts, values := make([]string, names), make([]*float64, columns-names)
		into := make([]any, 0, columns)
		for i := range texts {
			into = append(into, &texts[i])
		}
		for i := range values {
			into = append(into, &values[i])
		}
		if err := rows.Scan(into...); err != nil {
			return fmt.Errorf("read the PostgreSQL server's answer: %w", err)
		}
		fn(texts, values)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("ask the PostgreSQL server: %w", err)
	}
	return nil
}
