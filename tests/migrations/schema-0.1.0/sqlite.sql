-- The tables of fshunt 0.1.0 on SQLite; rows.sql has what is in them.

CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);

CREATE TABLE domains (
    id INTEGER NOT NULL,
    name VARCHAR NOT NULL,
    CONSTRAINT pk_domains PRIMARY KEY (id),
    CONSTRAINT uq_domains_name UNIQUE (name)
);

CREATE TABLE blocks (
    domain_id INTEGER NOT NULL,
    extension VARCHAR NOT NULL,
    since DATETIME NOT NULL, reason VARCHAR,
    CONSTRAINT pk_blocks PRIMARY KEY (domain_id, extension),
    CONSTRAINT fk_blocks_domain_id_domains FOREIGN KEY(domain_id) REFERENCES domains (id) ON DELETE CASCADE
);

CREATE TABLE groups (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    domain_id INTEGER NOT NULL,
    pilot VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    policy VARCHAR NOT NULL,
    rings INTEGER,
    ring_seconds FLOAT,
    voicemail VARCHAR,
    cycles INTEGER NOT NULL,
    hunt_timeout FLOAT,
    prefix VARCHAR,
    music VARCHAR,
    call_waiting BOOLEAN NOT NULL,
    wrap_up_seconds FLOAT NOT NULL,
    on_no_answer VARCHAR NOT NULL,
    on_busy VARCHAR NOT NULL,
    on_unreachable VARCHAR NOT NULL,
    enabled BOOLEAN NOT NULL, auto_block INTEGER, when_busy VARCHAR DEFAULT 'overflow' NOT NULL,
    CONSTRAINT ck_groups_one_ring_time CHECK ((rings IS NULL) <> (ring_seconds IS NULL)),
    CONSTRAINT ck_groups_cycles CHECK (cycles >= 1),
    CONSTRAINT fk_groups_domain_id_domains FOREIGN KEY(domain_id) REFERENCES domains (id) ON DELETE CASCADE,
    CONSTRAINT uq_groups_domain_id_pilot UNIQUE (domain_id, pilot)
);

CREATE TABLE members (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    group_id INTEGER NOT NULL,
    position INTEGER NOT NULL,
    extension VARCHAR NOT NULL,
    rings INTEGER,
    ring_seconds FLOAT,
    weight INTEGER NOT NULL,
    confirm BOOLEAN NOT NULL,
    enabled BOOLEAN NOT NULL,
    idle_since DATETIME, unanswered_in_a_row INTEGER DEFAULT '0' NOT NULL,
    CONSTRAINT ck_members_one_ring_time CHECK (rings IS NULL OR ring_seconds IS NULL),
    CONSTRAINT ck_members_weight CHECK (weight BETWEEN 0 AND 100),
    CONSTRAINT fk_members_group_id_groups FOREIGN KEY(group_id) REFERENCES groups (id) ON DELETE CASCADE,
    CONSTRAINT uq_members_group_id_extension UNIQUE (group_id, extension),
    CONSTRAINT uq_members_group_id_position UNIQUE (group_id, position)
);

CREATE INDEX ix_members_extension ON members (extension);

CREATE TABLE calls (
    id VARCHAR NOT NULL,
    uuid VARCHAR NOT NULL,
    domain VARCHAR NOT NULL,
    pilot VARCHAR NOT NULL,
    group_name VARCHAR NOT NULL,
    policy VARCHAR NOT NULL,
    caller_number VARCHAR,
    caller_name VARCHAR,
    started_at DATETIME NOT NULL,
    answered_at DATETIME,
    ended_at DATETIME,
    end_seen BOOLEAN NOT NULL,
    result VARCHAR,
    reason VARCHAR,
    answered_by VARCHAR,
    destination VARCHAR,
    policy_input JSON,
    node VARCHAR NOT NULL, run_id VARCHAR, waited_seconds FLOAT,
    CONSTRAINT pk_calls PRIMARY KEY (id)
);

CREATE INDEX ix_calls_uuid ON calls (uuid);

CREATE INDEX ix_calls_domain_pilot_started_at ON calls (domain, pilot, started_at);

CREATE INDEX ix_calls_started_at ON calls (started_at);

CREATE TABLE offers (
    id VARCHAR NOT NULL,
    call_id VARCHAR NOT NULL,
    stage INTEGER NOT NULL,
    cycle INTEGER NOT NULL,
    position INTEGER NOT NULL,
    extension VARCHAR NOT NULL,
    phones INTEGER NOT NULL,
    ring_seconds FLOAT NOT NULL,
    started_at DATETIME NOT NULL,
    ended_at DATETIME,
    outcome VARCHAR,
    cause VARCHAR,
    sip_code INTEGER,
    detail VARCHAR,
    CONSTRAINT pk_offers PRIMARY KEY (id),
    CONSTRAINT fk_offers_call_id_calls FOREIGN KEY(call_id) REFERENCES calls (id) ON DELETE CASCADE
);

CREATE INDEX ix_offers_call_id ON offers (call_id);

CREATE TABLE skips (
    id VARCHAR NOT NULL,
    call_id VARCHAR NOT NULL,
    stage INTEGER NOT NULL,
    cycle INTEGER NOT NULL,
    position INTEGER NOT NULL,
    extension VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,
    detail VARCHAR,
    at DATETIME NOT NULL,
    CONSTRAINT pk_skips PRIMARY KEY (id),
    CONSTRAINT fk_skips_call_id_calls FOREIGN KEY(call_id) REFERENCES calls (id) ON DELETE CASCADE
);

CREATE INDEX ix_skips_call_id ON skips (call_id);

CREATE TABLE group_rotation (
    group_id INTEGER NOT NULL,
    answerer_id INTEGER,
    answerer_position INTEGER,
    first_id INTEGER,
    first_position INTEGER,
    moves INTEGER NOT NULL,
    CONSTRAINT pk_group_rotation PRIMARY KEY (group_id),
    CONSTRAINT fk_group_rotation_group_id_groups FOREIGN KEY(group_id) REFERENCES groups (id) ON DELETE CASCADE
);

CREATE TABLE rotation_moves (
    group_id INTEGER NOT NULL,
    kind VARCHAR NOT NULL,
    call_uuid VARCHAR NOT NULL,
    number INTEGER NOT NULL,
    before_id INTEGER,
    before_position INTEGER,
    CONSTRAINT pk_rotation_moves PRIMARY KEY (group_id, kind, call_uuid),
    CONSTRAINT fk_rotation_moves_group_id_groups FOREIGN KEY(group_id) REFERENCES groups (id) ON DELETE CASCADE
);

CREATE INDEX ix_calls_node_ended_at ON calls (node, ended_at);

CREATE INDEX ix_calls_run_id ON calls (run_id) WHERE ended_at IS NULL;

CREATE TABLE claims (
    domain VARCHAR NOT NULL,
    extension VARCHAR NOT NULL,
    call_uuid VARCHAR NOT NULL,
    hunt_id VARCHAR NOT NULL,
    run_id VARCHAR NOT NULL,
    sequence INTEGER NOT NULL,
    CONSTRAINT pk_claims PRIMARY KEY (domain, extension)
);

CREATE INDEX ix_claims_hunt_id ON claims (hunt_id);

CREATE TABLE queue_entries (
    hunt_id VARCHAR NOT NULL,
    extension VARCHAR NOT NULL,
    domain VARCHAR NOT NULL,
    group_id INTEGER NOT NULL,
    call_uuid VARCHAR NOT NULL,
    run_id VARCHAR NOT NULL,
    ticket INTEGER NOT NULL,
    since DATETIME NOT NULL,
    CONSTRAINT pk_queue_entries PRIMARY KEY (hunt_id, extension)
);

CREATE INDEX ix_queue_entries_domain_extension ON queue_entries (domain, extension);

CREATE TABLE daemons (
    run_id VARCHAR NOT NULL,
    node VARCHAR NOT NULL,
    started_at DATETIME NOT NULL,
    heartbeat_at DATETIME NOT NULL,
    counter INTEGER NOT NULL,
    lost BOOLEAN NOT NULL,
    status JSON NOT NULL,
    CONSTRAINT pk_daemons PRIMARY KEY (run_id)
);

CREATE TABLE cluster (
    id INTEGER NOT NULL,
    heartbeat_seconds FLOAT DEFAULT '1' NOT NULL,
    queue_heartbeats INTEGER DEFAULT '4' NOT NULL,
    talk_heartbeats INTEGER DEFAULT '9' NOT NULL,
    dead_heartbeats INTEGER DEFAULT '59' NOT NULL,
    tickets INTEGER DEFAULT '0' NOT NULL,
    CONSTRAINT pk_cluster PRIMARY KEY (id)
);

CREATE TABLE announcements (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    domain VARCHAR NOT NULL,
    extension VARCHAR NOT NULL
);

CREATE TABLE compatibility (
    id INTEGER NOT NULL,
    oldest_code VARCHAR NOT NULL,
    CONSTRAINT pk_compatibility PRIMARY KEY (id)
);
