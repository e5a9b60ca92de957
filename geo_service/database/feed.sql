-- name: now_visible
-- Which transactions are finished at this moment, and the database's time.
select pg_current_snapshot()::text as snapshot, now() as at

-- name: changes_between
-- Changes by transactions that were not finished at the snapshot $1 and are at the snapshot $2, from the place
-- ($3 xid, $4 seq) on, at most $5. The snapshots decide alone; the first line only lets the index find the rows.
select seq, tenant_id::text as tenant_id, kind, id, xid::text as xid, at
  from changes
 where xid >= pg_snapshot_xmin($1::text::pg_snapshot)
   and (xid, seq) > ($3::text::xid8, $4::bigint)
   and not pg_visible_in_snapshot(xid, $1::text::pg_snapshot)
   and pg_visible_in_snapshot(xid, $2::text::pg_snapshot)
 order by xid, seq
 limit $5

-- name: step_back
-- A snapshot that is not after $1, and before all changes since the time $2.
select xid || ':' || xid || ':'
  from (select least(pg_snapshot_xmin($1::text::pg_snapshot), min(xid))::text as xid from changes where at >= $2) earlier

-- name: prune_changes
-- Deletes changes older than a day, at most 10,000. Every feed has long since read them, or has given up.
delete from changes
 where seq = any (array(select seq from changes where at < now() - interval '24 hours' order by at limit 10000))
