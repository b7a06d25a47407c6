-- What was destroyed or restored, for stewards: counts, and the hash of the line in the ledger outside this database that
-- proves it. No resident stands in it.
CREATE SCHEMA view_steward_proofs;
GRANT USAGE ON SCHEMA view_steward_proofs TO woonketen_steward_proofs;

CREATE VIEW view_steward_proofs.steward_proofs WITH (security_barrier = true) AS
    SELECT to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS at, kind, scope, rows, keys,
           encode(entry, 'hex') AS proof_hash
      FROM vault.proof ORDER BY vault.proof.at, request;

GRANT SELECT ON view_steward_proofs.steward_proofs TO woonketen_steward_proofs;
