/// Makes `guild_config`, or takes over the one that another program has kept.
///
/// Rows and columns stay. Ids become BIGINT, names TEXT; what we need is added; constraints that would keep us from
/// inserting a row of our own (NOT NULL without a default on columns we do not know) go. A value that is no id is set to
/// NULL and kept in `guild_config_rejected`; so is a whole row whose `guild_id` is none or stands in a newer row too.
/// Identifiers come from the catalogue and are quoted by `format`.
enum PostgresAdoption {
    static let statements = [readID, prepareTable, takeOver, removeHelpers]

    /// NULL, blanks and zeros stand for "none" in the tables of many bots; `olim_is_junk` tells what is neither.
    private static let readID = #"""
        CREATE FUNCTION pg_temp.olim_id(value TEXT) RETURNS BIGINT LANGUAGE sql IMMUTABLE AS $$
            SELECT CASE
                WHEN digits ~ '^[0-9]{1,30}$' AND digits::numeric BETWEEN 1 AND 9223372036854775807
                THEN digits::bigint
            END FROM btrim(value, E' \t\r\n') AS digits
        $$;
        CREATE FUNCTION pg_temp.olim_is_junk(value TEXT) RETURNS BOOLEAN LANGUAGE sql IMMUTABLE AS $$
            SELECT pg_temp.olim_id(value) IS NULL AND btrim(coalesce(value, ''), E' \t\r\n') !~ '^0*$'
        $$
        """#

    private static let removeHelpers = """
        DROP FUNCTION pg_temp.olim_is_junk(TEXT);
        DROP FUNCTION pg_temp.olim_id(TEXT)
        """

    /// Refuses what is no such table, makes one where there is none, and frees our columns' names.
    private static let prepareTable = #"""
        DO $do$
        DECLARE
            legacy REGCLASS := to_regclass('guild_config');
            item RECORD;
        BEGIN
            IF legacy IS NULL THEN
                CREATE TABLE guild_config (guild_id BIGINT PRIMARY KEY);
                legacy := 'guild_config'::regclass;
            END IF;
            IF (SELECT relkind FROM pg_class WHERE oid = legacy) <> 'r' THEN
                RAISE EXCEPTION 'guild_config exists and is not an ordinary table; rename it'
                    USING ERRCODE = '3F000';
            END IF;
            IF NOT EXISTS (
                SELECT FROM pg_attribute WHERE attrelid = legacy AND attname = 'guild_id' AND NOT attisdropped
                    AND atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'numeric'::regtype,
                        'text'::regtype, 'varchar'::regtype, 'bpchar'::regtype))
            THEN
                RAISE EXCEPTION 'the table guild_config has no column guild_id that holds numbers or text; rename the table'
                    USING ERRCODE = '3F000';
            END IF;
            -- What means something only to us, and what has our name but cannot hold what we put there.
            FOR item IN
                SELECT attname FROM pg_attribute
                WHERE attrelid = legacy AND attnum > 0 AND NOT attisdropped AND (
                    attname IN ('left_at', 'last_event_id')
                    OR attname IN ('owner_id', 'member_count', 'welcome_channel_id', 'daily_channel_id')
                        AND atttypid NOT IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'numeric'::regtype,
                            'text'::regtype, 'varchar'::regtype, 'bpchar'::regtype))
            LOOP
                EXECUTE format('ALTER TABLE %s RENAME COLUMN %I TO %I', legacy, item.attname, 'legacy_' || item.attname);
                RAISE WARNING 'guild_config.% is kept as legacy_%', item.attname, item.attname;
            END LOOP;
            ALTER TABLE guild_config
                ADD COLUMN IF NOT EXISTS guild_name TEXT,
                ADD COLUMN IF NOT EXISTS owner_id BIGINT,
                ADD COLUMN IF NOT EXISTS preferred_locale TEXT,
                ADD COLUMN IF NOT EXISTS member_count BIGINT,
                ADD COLUMN IF NOT EXISTS welcome_channel_id BIGINT,
                ADD COLUMN IF NOT EXISTS daily_channel_id BIGINT,
                ADD COLUMN IF NOT EXISTS prefix TEXT,
                ADD COLUMN left_at BIGINT,
                ADD COLUMN last_event_id BIGINT NOT NULL DEFAULT 0;
            COMMENT ON COLUMN guild_config.left_at IS 'microseconds since 1970; NULL while the bot is there';
        END
        $do$
        """#

    private static let takeOver = #"""
        DO $do$
        DECLARE
            legacy REGCLASS := to_regclass('guild_config');
            number TEXT;
            item RECORD;
            count BIGINT;
        BEGIN
            -- A key that a row of ours could not fill.
            FOR item IN
                SELECT c.conname FROM pg_constraint c
                WHERE c.conrelid = legacy AND c.contype = 'p' AND EXISTS (
                    SELECT FROM pg_attribute a
                    WHERE a.attrelid = legacy AND a.attnum = ANY (c.conkey) AND a.attname <> 'guild_id'
                        AND NOT a.atthasdef AND a.attidentity = '')
            LOOP
                EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', legacy, item.conname);
            END LOOP;
            FOR item IN
                SELECT a.attname FROM pg_attribute a
                WHERE a.attrelid = legacy AND a.attnum > 0 AND NOT a.attisdropped AND a.attnotnull
                    AND a.attname NOT IN ('guild_id', 'last_event_id') AND a.attidentity = ''
                    AND (NOT a.atthasdef OR a.attname IN ('guild_name', 'owner_id', 'preferred_locale', 'member_count',
                        'welcome_channel_id', 'daily_channel_id', 'prefix'))
                    AND NOT EXISTS (
                        SELECT FROM pg_constraint c
                        WHERE c.conrelid = legacy AND c.contype = 'p' AND a.attnum = ANY (c.conkey))
            LOOP
                EXECUTE format('ALTER TABLE %s ALTER COLUMN %I DROP NOT NULL', legacy, item.attname);
            END LOOP;

            -- Ids and numbers.
            FOR item IN
                SELECT attname, atttypid FROM pg_attribute
                WHERE attrelid = legacy AND NOT attisdropped AND attname IN
                    ('guild_id', 'owner_id', 'member_count', 'welcome_channel_id', 'daily_channel_id')
            LOOP
                number := format(
                    CASE item.atttypid WHEN 'numeric'::regtype THEN 'trim_scale(%I)::text' ELSE '%I::text' END, item.attname);
                IF item.attname = 'guild_id' THEN
                    EXECUTE format(
                        'WITH gone AS (DELETE FROM %1$s t WHERE pg_temp.olim_id(%2$s) IS NULL RETURNING to_jsonb(t) AS row)
                        INSERT INTO guild_config_rejected (column_name, reason, legacy_row)
                        SELECT ''guild_id'', ''not an id'', row FROM gone', legacy, number);
                    GET DIAGNOSTICS count = ROW_COUNT;
                    IF count > 0 THEN
                        RAISE WARNING '% rows without a valid guild_id are kept in guild_config_rejected', count;
                    END IF;
                    EXECUTE format(
                        'WITH gone AS (
                            DELETE FROM %1$s t USING (
                                SELECT ctid AS place, row_number() OVER (
                                    PARTITION BY pg_temp.olim_id(%2$s) ORDER BY ctid DESC) AS position
                                FROM %1$s
                            ) numbered
                            WHERE t.ctid = numbered.place AND numbered.position > 1 RETURNING to_jsonb(t) AS row)
                        INSERT INTO guild_config_rejected (column_name, reason, legacy_row)
                        SELECT ''guild_id'', ''another row has the same guild_id'', row FROM gone', legacy, number);
                    GET DIAGNOSTICS count = ROW_COUNT;
                    IF count > 0 THEN
                        RAISE WARNING '% rows whose guild_id stands in another row are kept in guild_config_rejected', count;
                    END IF;
                ELSE
                    EXECUTE format(
                        'INSERT INTO guild_config_rejected (column_name, reason, legacy_row)
                        SELECT %3$L, ''not a number'', to_jsonb(t) FROM %1$s t WHERE pg_temp.olim_is_junk(%2$s)',
                        legacy, number, item.attname);
                    GET DIAGNOSTICS count = ROW_COUNT;
                    IF count > 0 THEN
                        RAISE WARNING '% values of guild_config.% are no numbers; kept in guild_config_rejected',
                            count, item.attname;
                    END IF;
                END IF;
                EXECUTE format('ALTER TABLE %s ALTER COLUMN %I DROP DEFAULT', legacy, item.attname);
                IF item.atttypid <> 'int8'::regtype THEN
                    EXECUTE format(
                        'ALTER TABLE %s ALTER COLUMN %I TYPE BIGINT USING pg_temp.olim_id(%s)',
                        legacy, item.attname, number);
                ELSIF item.attname <> 'guild_id' THEN
                    EXECUTE format('UPDATE %1$s SET %2$I = NULL WHERE %2$I <= 0', legacy, item.attname);
                END IF;
            END LOOP;

            -- Texts.
            FOR item IN
                SELECT attname FROM pg_attribute
                WHERE attrelid = legacy AND NOT attisdropped AND atttypid <> 'text'::regtype
                    AND attname IN ('guild_name', 'preferred_locale', 'prefix')
            LOOP
                EXECUTE format('ALTER TABLE %s ALTER COLUMN %I DROP DEFAULT', legacy, item.attname);
                EXECUTE format('ALTER TABLE %1$s ALTER COLUMN %2$I TYPE TEXT USING %2$I::text', legacy, item.attname);
            END LOOP;

            -- What ON CONFLICT (guild_id) needs.
            IF NOT EXISTS (
                SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
                WHERE i.indrelid = legacy AND i.indisunique AND i.indisvalid AND i.indimmediate
                    AND i.indnkeyatts = 1 AND i.indpred IS NULL AND a.attname = 'guild_id')
            THEN
                EXECUTE format('CREATE UNIQUE INDEX ON %s (guild_id)', legacy);
            END IF;
            EXECUTE format('ALTER TABLE %s ALTER COLUMN guild_id SET NOT NULL', legacy);
        END
        $do$
        """#
}
