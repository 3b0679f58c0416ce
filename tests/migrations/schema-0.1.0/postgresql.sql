-- The tables of fshunt 0.1.0 on PostgreSQL; rows.sql has what is in them.

CREATE TABLE alembic_version (
    version_num character varying(32) NOT NULL
);

CREATE TABLE announcements (
    id integer NOT NULL,
    domain character varying NOT NULL,
    extension character varying NOT NULL
);

CREATE SEQUENCE announcements_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE announcements_id_seq OWNED BY announcements.id;

CREATE TABLE blocks (
    domain_id integer NOT NULL,
    extension character varying NOT NULL,
    since timestamp with time zone NOT NULL,
    reason character varying
);

CREATE TABLE calls (
    id character varying NOT NULL,
    uuid character varying NOT NULL,
    domain character varying NOT NULL,
    pilot character varying NOT NULL,
    group_name character varying NOT NULL,
    policy character varying NOT NULL,
    caller_number character varying,
    caller_name character varying,
    started_at timestamp with time zone NOT NULL,
    answered_at timestamp with time zone,
    ended_at timestamp with time zone,
    end_seen boolean NOT NULL,
    result character varying,
    reason character varying,
    answered_by character varying,
    destination character varying,
    policy_input json,
    node character varying NOT NULL,
    run_id character varying,
    waited_seconds double precision
);

CREATE TABLE claims (
    domain character varying NOT NULL,
    extension character varying NOT NULL,
    call_uuid character varying NOT NULL,
    hunt_id character varying NOT NULL,
    run_id character varying NOT NULL,
    sequence integer NOT NULL
);

CREATE TABLE cluster (
    id integer NOT NULL,
    heartbeat_seconds double precision DEFAULT '1'::double precision NOT NULL,
    queue_heartbeats integer DEFAULT 4 NOT NULL,
    talk_heartbeats integer DEFAULT 9 NOT NULL,
    dead_heartbeats integer DEFAULT 59 NOT NULL,
    tickets integer DEFAULT 0 NOT NULL
);

CREATE TABLE compatibility (
    id integer NOT NULL,
    oldest_code character varying NOT NULL
);

CREATE TABLE daemons (
    run_id character varying NOT NULL,
    node character varying NOT NULL,
    started_at timestamp with time zone NOT NULL,
    heartbeat_at timestamp with time zone NOT NULL,
    counter integer NOT NULL,
    lost boolean NOT NULL,
    status json NOT NULL
);

CREATE TABLE domains (
    id integer NOT NULL,
    name character varying NOT NULL
);

CREATE SEQUENCE domains_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE domains_id_seq OWNED BY domains.id;

CREATE TABLE group_rotation (
    group_id integer NOT NULL,
    answerer_id integer,
    answerer_position integer,
    first_id integer,
    first_position integer,
    moves integer NOT NULL
);

CREATE TABLE groups (
    id integer NOT NULL,
    domain_id integer NOT NULL,
    pilot character varying NOT NULL,
    name character varying NOT NULL,
    policy character varying NOT NULL,
    rings integer,
    ring_seconds double precision,
    voicemail character varying,
    cycles integer NOT NULL,
    hunt_timeout double precision,
    prefix character varying,
    music character varying,
    call_waiting boolean NOT NULL,
    wrap_up_seconds double precision NOT NULL,
    on_no_answer character varying NOT NULL,
    on_busy character varying NOT NULL,
    on_unreachable character varying NOT NULL,
    enabled boolean NOT NULL,
    auto_block integer,
    when_busy character varying DEFAULT 'overflow'::character varying NOT NULL,
    CONSTRAINT ck_groups_cycles CHECK ((cycles >= 1)),
    CONSTRAINT ck_groups_one_ring_time CHECK (((rings IS NULL) <> (ring_seconds IS NULL)))
);

CREATE SEQUENCE groups_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE groups_id_seq OWNED BY groups.id;

CREATE TABLE members (
    id integer NOT NULL,
    group_id integer NOT NULL,
    "position" integer NOT NULL,
    extension character varying NOT NULL,
    rings integer,
    ring_seconds double precision,
    weight integer NOT NULL,
    confirm boolean NOT NULL,
    enabled boolean NOT NULL,
    idle_since timestamp with time zone,
    unanswered_in_a_row integer DEFAULT 0 NOT NULL,
    CONSTRAINT ck_members_one_ring_time CHECK (((rings IS NULL) OR (ring_seconds IS NULL))),
    CONSTRAINT ck_members_weight CHECK (((weight >= 0) AND (weight <= 100)))
);

CREATE SEQUENCE members_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE members_id_seq OWNED BY members.id;

CREATE TABLE offers (
    id character varying NOT NULL,
    call_id character varying NOT NULL,
    stage integer NOT NULL,
    cycle integer NOT NULL,
    "position" integer NOT NULL,
    extension character varying NOT NULL,
    phones integer NOT NULL,
    ring_seconds double precision NOT NULL,
    started_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    outcome character varying,
    cause character varying,
    sip_code integer,
    detail character varying
);

CREATE TABLE queue_entries (
    hunt_id character varying NOT NULL,
    extension character varying NOT NULL,
    domain character varying NOT NULL,
    group_id integer NOT NULL,
    call_uuid character varying NOT NULL,
    run_id character varying NOT NULL,
    ticket integer NOT NULL,
    since timestamp with time zone NOT NULL
);

CREATE TABLE rotation_moves (
    group_id integer NOT NULL,
    kind character varying NOT NULL,
    call_uuid character varying NOT NULL,
    number integer NOT NULL,
    before_id integer,
    before_position integer
);

CREATE TABLE skips (
    id character varying NOT NULL,
    call_id character varying NOT NULL,
    stage integer NOT NULL,
    cycle integer NOT NULL,
    "position" integer NOT NULL,
    extension character varying NOT NULL,
    reason character varying NOT NULL,
    detail character varying,
    at timestamp with time zone NOT NULL
);

ALTER TABLE ONLY announcements ALTER COLUMN id SET DEFAULT nextval('announcements_id_seq'::regclass);

ALTER TABLE ONLY domains ALTER COLUMN id SET DEFAULT nextval('domains_id_seq'::regclass);

ALTER TABLE ONLY groups ALTER COLUMN id SET DEFAULT nextval('groups_id_seq'::regclass);

ALTER TABLE ONLY members ALTER COLUMN id SET DEFAULT nextval('members_id_seq'::regclass);

ALTER TABLE ONLY alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);

ALTER TABLE ONLY announcements
    ADD CONSTRAINT pk_announcements PRIMARY KEY (id);

ALTER TABLE ONLY blocks
    ADD CONSTRAINT pk_blocks PRIMARY KEY (domain_id, extension);

ALTER TABLE ONLY calls
    ADD CONSTRAINT pk_calls PRIMARY KEY (id);

ALTER TABLE ONLY claims
    ADD CONSTRAINT pk_claims PRIMARY KEY (domain, extension);

ALTER TABLE ONLY cluster
    ADD CONSTRAINT pk_cluster PRIMARY KEY (id);

ALTER TABLE ONLY compatibility
    ADD CONSTRAINT pk_compatibility PRIMARY KEY (id);

ALTER TABLE ONLY daemons
    ADD CONSTRAINT pk_daemons PRIMARY KEY (run_id);

ALTER TABLE ONLY domains
    ADD CONSTRAINT pk_domains PRIMARY KEY (id);

ALTER TABLE ONLY group_rotation
    ADD CONSTRAINT pk_group_rotation PRIMARY KEY (group_id);

ALTER TABLE ONLY groups
    ADD CONSTRAINT pk_groups PRIMARY KEY (id);

ALTER TABLE ONLY members
    ADD CONSTRAINT pk_members PRIMARY KEY (id);

ALTER TABLE ONLY offers
    ADD CONSTRAINT pk_offers PRIMARY KEY (id);

ALTER TABLE ONLY queue_entries
    ADD CONSTRAINT pk_queue_entries PRIMARY KEY (hunt_id, extension);

ALTER TABLE ONLY rotation_moves
    ADD CONSTRAINT pk_rotation_moves PRIMARY KEY (group_id, kind, call_uuid);

ALTER TABLE ONLY skips
    ADD CONSTRAINT pk_skips PRIMARY KEY (id);

ALTER TABLE ONLY domains
    ADD CONSTRAINT uq_domains_name UNIQUE (name);

ALTER TABLE ONLY groups
    ADD CONSTRAINT uq_groups_domain_id_pilot UNIQUE (domain_id, pilot);

ALTER TABLE ONLY members
    ADD CONSTRAINT uq_members_group_id_extension UNIQUE (group_id, extension);

ALTER TABLE ONLY members
    ADD CONSTRAINT uq_members_group_id_position UNIQUE (group_id, "position");

CREATE INDEX ix_calls_domain_pilot_started_at ON calls USING btree (domain, pilot, started_at);

CREATE INDEX ix_calls_node_ended_at ON calls USING btree (node, ended_at);

CREATE INDEX ix_calls_run_id ON calls USING btree (run_id) WHERE (ended_at IS NULL);

CREATE INDEX ix_calls_started_at ON calls USING btree (started_at);

CREATE INDEX ix_calls_uuid ON calls USING btree (uuid);

CREATE INDEX ix_claims_hunt_id ON claims USING btree (hunt_id);

CREATE INDEX ix_members_extension ON members USING btree (extension);

CREATE INDEX ix_offers_call_id ON offers USING btree (call_id);

CREATE INDEX ix_queue_entries_domain_extension ON queue_entries USING btree (domain, extension);

CREATE INDEX ix_skips_call_id ON skips USING btree (call_id);

ALTER TABLE ONLY blocks
    ADD CONSTRAINT fk_blocks_domain_id_domains FOREIGN KEY (domain_id) REFERENCES domains(id) ON DELETE CASCADE;

ALTER TABLE ONLY group_rotation
    ADD CONSTRAINT fk_group_rotation_group_id_groups FOREIGN KEY (group_id) REFERENCES groups(id) ON DELETE CASCADE;

ALTER TABLE ONLY groups
    ADD CONSTRAINT fk_groups_domain_id_domains FOREIGN KEY (domain_id) REFERENCES domains(id) ON DELETE CASCADE;

ALTER TABLE ONLY members
    ADD CONSTRAINT fk_members_group_id_groups FOREIGN KEY (group_id) REFERENCES groups(id) ON DELETE CASCADE;

ALTER TABLE ONLY offers
    ADD CONSTRAINT fk_offers_call_id_calls FOREIGN KEY (call_id) REFERENCES calls(id) ON DELETE CASCADE;

ALTER TABLE ONLY rotation_moves
    ADD CONSTRAINT fk_rotation_moves_group_id_groups FOREIGN KEY (group_id) REFERENCES groups(id) ON DELETE CASCADE;

ALTER TABLE ONLY skips
    ADD CONSTRAINT fk_skips_call_id_calls FOREIGN KEY (call_id) REFERENCES calls(id) ON DELETE CASCADE;

-- As it is once the rows are there.
ALTER SEQUENCE announcements_id_seq RESTART WITH 2;
ALTER SEQUENCE domains_id_seq RESTART WITH 3;
ALTER SEQUENCE groups_id_seq RESTART WITH 4;
ALTER SEQUENCE members_id_seq RESTART WITH 7;
