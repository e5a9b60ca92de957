-- name: now_visible
-- Which transactions are finished at this moment, and the database's time.
select pg_current_snapshot()::text as snapshot, now() as at

-- name: changes_since
-- Changes by transactions that were not finished at the snapshot $1 and are now, at most $2; and with each of them, or
-- alone where there are none (seq is null then), which transactions are finished now, and the database's time.
-- The snapshots decide alone; the first line of the condition only lets the index find the rows.
with moment as materialized (select pg_current_snapshot() as snapshot, now() as at)
select moment.snapshot::text as snapshot, moment.at as read_at, found.*
  from moment
  left join lateral (
      select seq, tenant_id::text as tenant_id, kind, id, xid::text as xid, at
        from changes
       where xid >= pg_snapshot_xmin($1::text::pg_snapshot)
         and not pg_visible_in_snapshot(xid, $1::text::pg_snapshot)
         and pg_visible_in_snapshot(xid, moment.snapshot)
       order by changes.xid, seq
       limit $2) as found on true

-- name: changes_between
-- The same between the snapshots $1 and $2, from the place ($3 xid, $4 seq) on, at most $5.
select seq, tenant_id::text as tenant_id, kind, id, xid::text as xid, at
  from changes
 where xid >= pg_snapshot_xmin($1::text::pg_snapshot)
   and (xid, seq) > ($3::text::xid8, $4::bigint)
   and not pg_visible_in_snapshot(xid, $1::text::pg_snapshot)
   and pg_visible_in_snapshot(xid, $2::text::pg_snapshot)
 order by changes.xid, seq
 limit $5

-- name: step_back
-- A snapshot that is not after $1, and before all changes since the time $2.
select xid || ':' || xid || ':'
  from (select least(pg_snapshot_xmin($1::text::pg_snapshot), min(xid))::text as xid from changes where at >= $2) earlier

-- name: prune_changes
-- Deletes changes older than a day, at most 10,000. Every feed has long since read them, or has given up.
delete from changes
 where seq = any (array(select seq from changes where at < now() - interval '24 hours' order by at limit 10000))
