BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0007');
CREATE TABLE audit_events (
	id BIGINT NOT NULL, 
	at DATETIME NOT NULL, 
	kind VARCHAR(24) NOT NULL, 
	actor_id BIGINT, 
	actor VARCHAR(64), 
	address VARCHAR(64) NOT NULL, 
	object_kind VARCHAR(16), 
	object_id BIGINT, 
	"before" TEXT, 
	"after" TEXT, 
	previous VARCHAR(64) NOT NULL, 
	hash VARCHAR(64) NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "audit_events" VALUES(1,'2026-11-30 03:04:34.522973','server-created',4,'the.admin','','server',1,NULL,'{"blackouts": [], "credential_kind": "key", "enabled": true, "host": "127.0.0.1", "host_key_alias": null, "host_keys": ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICeoiBCYe45jZgjWEjjKnW/GLmdHn4bR22vcui4RmBiH"], "legacy_algorithms": [], "max_parallel": 10, "name": "a server", "port": 34443, "run_mode": "durable", "tags": [], "username": "root"}','0000000000000000000000000000000000000000000000000000000000000000','37135b7dc5a670d26410c652e99764016c24ec15c14073517d4af8df4f9cb347');
INSERT INTO "audit_events" VALUES(2,'2026-11-30 03:04:34.997780','secret-created',4,'the.admin','127.0.0.1','secret',1,NULL,'{"name": "DB_PASSWORD", "server_id": null}','37135b7dc5a670d26410c652e99764016c24ec15c14073517d4af8df4f9cb347','32af475010e538c21cf0e5261a6556cb0bd8700af9295fda692dafce4a295f4d');
INSERT INTO "audit_events" VALUES(3,'2026-11-30 03:04:35.072440','task-created',3,'the.operator','127.0.0.1','task',1,NULL,'{"command": "df -h", "cron_expr": "@once", "enabled": true, "env": ["A"], "execution_id": 1, "name": "once", "output_limit": 10485760, "paused_at": null, "paused_until": null, "run_mode": null, "secret_env": {"DB": "DB_PASSWORD", "OWN": null}, "server_id": 1, "shell": null, "terms": {}, "timeout_seconds": 300, "timezone": "UTC", "working_dir": null}','32af475010e538c21cf0e5261a6556cb0bd8700af9295fda692dafce4a295f4d','d592093e9fe5351e8c782b7333ca2056a70026c5170889f7a6030c82c4f881dc');
INSERT INTO "audit_events" VALUES(4,'2026-11-30 03:04:35.147510','task-created',3,'the.operator','127.0.0.1','task',2,NULL,'{"command": "df -h", "cron_expr": "0 3 * * *", "enabled": true, "env": [], "name": "nightly", "output_limit": 10485760, "paused_at": null, "paused_until": null, "run_mode": null, "secret_env": {}, "server_id": 1, "shell": null, "terms": {}, "timeout_seconds": 300, "timezone": "Asia/Shanghai", "working_dir": "/tmp"}','d592093e9fe5351e8c782b7333ca2056a70026c5170889f7a6030c82c4f881dc','d9472f03814a6d742a63386121e388485ac3d7e69ded887eb611abf8e4603a08');
INSERT INTO "audit_events" VALUES(5,'2026-11-30 03:04:35.190039','task-created',3,'the.operator','127.0.0.1','task',3,NULL,'{"command": "true", "cron_expr": "@every 1s", "enabled": true, "env": [], "name": "ticking", "output_limit": 10485760, "paused_at": null, "paused_until": null, "run_mode": null, "secret_env": {}, "server_id": 1, "shell": null, "terms": {}, "timeout_seconds": 300, "timezone": "UTC", "working_dir": null}','d9472f03814a6d742a63386121e388485ac3d7e69ded887eb611abf8e4603a08','90775241643756227b5c71c9c19617e3e5060676eaaaa5f6ad2535cc591d1f42');
INSERT INTO "audit_events" VALUES(6,'2026-11-30 03:04:35.271835','task-created',3,'the.operator','127.0.0.1','task',4,NULL,'{"command": "df -h", "cron_expr": "@manual", "enabled": true, "env": [], "name": "gone", "output_limit": 10485760, "paused_at": null, "paused_until": null, "run_mode": null, "secret_env": {}, "server_id": 1, "shell": null, "terms": {}, "timeout_seconds": 300, "timezone": "UTC", "working_dir": null}','90775241643756227b5c71c9c19617e3e5060676eaaaa5f6ad2535cc591d1f42','3790998d04dc3eba53aaae349f3fc0c2432526a03a420f9e3cd1d6bdab522440');
INSERT INTO "audit_events" VALUES(7,'2026-11-30 03:04:35.407665','server-policy-set',4,'the.admin','127.0.0.1','server',1,NULL,'{"allow": ["fs.*"], "commands": [], "extra": "", "mode": "standard", "version": 1}','3790998d04dc3eba53aaae349f3fc0c2432526a03a420f9e3cd1d6bdab522440','7cc8741f474e5d2702a6a1093d862a9768ec3534e8be065335fb8578a05824d5');
INSERT INTO "audit_events" VALUES(8,'2026-11-30 03:04:35.449490','task-policy-set',4,'the.admin','127.0.0.1','task',2,NULL,'{"allow": [], "commands": [], "extra": "", "mode": "strict", "version": 2}','7cc8741f474e5d2702a6a1093d862a9768ec3534e8be065335fb8578a05824d5','d249aab0ad603e5f8d359b6040f17c48a1227776e5e10715893c4a427ccb866a');
INSERT INTO "audit_events" VALUES(9,'2026-11-30 03:04:35.467848','task-updated',3,'the.operator','127.0.0.1','task',2,'{"command": "df -h"}','{"command": "du -sh ."}','d249aab0ad603e5f8d359b6040f17c48a1227776e5e10715893c4a427ccb866a','ed3a05eec3464989b524c689efc6d5eb4e867a25854fae22603267f166b5ba29');
INSERT INTO "audit_events" VALUES(10,'2026-11-30 03:04:35.496586','task-paused',3,'the.operator','127.0.0.1','task',2,'{"paused_at": null}','{"paused_at": "2026-11-30T03:04:35.496586+00:00"}','ed3a05eec3464989b524c689efc6d5eb4e867a25854fae22603267f166b5ba29','64c0fa5b477eb31204413ee49f6690af348e1a882da631d05a5f7be13c92ec6e');
INSERT INTO "audit_events" VALUES(11,'2026-11-30 03:04:35.508906','grant-given',4,'the.admin','127.0.0.1','user',2,NULL,'{"grant_id": 1, "role": "operator", "tag": "web"}','64c0fa5b477eb31204413ee49f6690af348e1a882da631d05a5f7be13c92ec6e','b7fa04001d9f94e4f31cf77698ead13c9e1164c45c8c8df8de9f8a455d8abbb6');
INSERT INTO "audit_events" VALUES(12,'2026-11-30 03:04:35.537416','token-created',4,'the.admin','127.0.0.1','user',4,NULL,'{"expires_at": "2027-02-28T03:04:35.537372+00:00", "name": "robot", "scope": "read", "token_id": 1}','b7fa04001d9f94e4f31cf77698ead13c9e1164c45c8c8df8de9f8a455d8abbb6','35401bdda50a2d9b52750cb9a751afe03a51b93ae8f63e923c7f6b7e91fad6eb');
INSERT INTO "audit_events" VALUES(13,'2026-11-30 03:04:35.551221','forbidden',2,'the.viewer','127.0.0.1','task',1,NULL,'{"action": "tasks.delete"}','35401bdda50a2d9b52750cb9a751afe03a51b93ae8f63e923c7f6b7e91fad6eb','4c379c4c2794d0a06fd1a59c0381755c6b46323fb0f65a25a10b5a326397672b');
INSERT INTO "audit_events" VALUES(14,'2026-11-30 03:04:35.555480','forbidden',3,'the.operator','127.0.0.1','user',NULL,NULL,'{"action": "users.create"}','4c379c4c2794d0a06fd1a59c0381755c6b46323fb0f65a25a10b5a326397672b','72247e6e0d735d17f01060e7950bd7daaf554a9e83e61ce9ee3dcfa844a53012');
INSERT INTO "audit_events" VALUES(15,'2026-11-30 03:04:35.567652','execution-started',3,'the.operator','127.0.0.1','execution',2,NULL,'{"command": "echo out; echo err >&2", "env": [], "output_limit": 10485760, "secret_env": {}, "server_id": 1, "stdin_bytes": null, "stdin_sha256": null, "task_id": null, "timeout_seconds": 300, "trigger": "api", "working_dir": null}','72247e6e0d735d17f01060e7950bd7daaf554a9e83e61ce9ee3dcfa844a53012','6e2b45f15293c3ac4e39b814612343145c9dae5b0b0f3f7a96c2821a8bf0009b');
INSERT INTO "audit_events" VALUES(16,'2026-11-30 03:04:35.661967','execution-started',3,'the.operator','127.0.0.1','execution',3,NULL,'{"command": "exit 3", "env": [], "output_limit": 10485760, "secret_env": {}, "server_id": 1, "stdin_bytes": null, "stdin_sha256": null, "task_id": null, "timeout_seconds": 300, "trigger": "api", "working_dir": null}','6e2b45f15293c3ac4e39b814612343145c9dae5b0b0f3f7a96c2821a8bf0009b','a2da41502d07217bc88f8561aa235dadfbe016b046a6b5c367d7384de4673436');
INSERT INTO "audit_events" VALUES(17,'2026-11-30 03:04:35.715081','execution-started',3,'the.operator','127.0.0.1','execution',4,NULL,'{"command": "wc -c", "env": [], "output_limit": 10485760, "secret_env": {}, "server_id": 1, "stdin_bytes": 5, "stdin_sha256": "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824", "task_id": null, "timeout_seconds": 300, "trigger": "api", "working_dir": null}','a2da41502d07217bc88f8561aa235dadfbe016b046a6b5c367d7384de4673436','609825e22b1bdf30afbee5cf78ec5743260784b9831f957d90a35b622c9b872c');
INSERT INTO "audit_events" VALUES(18,'2026-11-30 03:04:35.851613','execution-started',3,'the.operator','127.0.0.1','execution',5,NULL,'{"command": "#!/bin/bash\necho $0", "env": [], "output_limit": 10485760, "secret_env": {}, "server_id": 1, "stdin_bytes": null, "stdin_sha256": null, "task_id": null, "timeout_seconds": 300, "trigger": "api", "working_dir": null}','609825e22b1bdf30afbee5cf78ec5743260784b9831f957d90a35b622c9b872c','54853d308598f83322237266b9c56aa7fc8619faa9216bd1d1a0885e89f51abf');
INSERT INTO "audit_events" VALUES(19,'2026-11-30 03:04:36.540709','execution-started',3,'the.operator','127.0.0.1','execution',7,NULL,'{"command": "sleep 40", "env": [], "output_limit": 10485760, "secret_env": {}, "server_id": 1, "stdin_bytes": null, "stdin_sha256": null, "task_id": null, "timeout_seconds": 1, "trigger": "api", "working_dir": null}','54853d308598f83322237266b9c56aa7fc8619faa9216bd1d1a0885e89f51abf','d8be8a28454397800f3a609424e4ddc2fd93826b064fcac5803f59e78a3e1ec9');
INSERT INTO "audit_events" VALUES(20,'2026-11-30 03:04:38.205493','execution-started',3,'the.operator','127.0.0.1','execution',10,NULL,'{"command": "yes", "env": [], "output_limit": 1000, "secret_env": {}, "server_id": 1, "stdin_bytes": null, "stdin_sha256": null, "task_id": null, "timeout_seconds": 300, "trigger": "api", "working_dir": null}','d8be8a28454397800f3a609424e4ddc2fd93826b064fcac5803f59e78a3e1ec9','f49a2ffabb37b1eb929a1f1e9b6edd30438b8b414e3f2eeb80f6af351e80d0d9');
INSERT INTO "audit_events" VALUES(21,'2026-11-30 03:04:38.422667','command-refused',3,'the.operator','127.0.0.1','server',1,NULL,'{"action": "executions.run_command", "command": "sudo reboot", "rules": ["privilege.sudo", "system.power"]}','f49a2ffabb37b1eb929a1f1e9b6edd30438b8b414e3f2eeb80f6af351e80d0d9','c24c7fed799e663f7f97140e2a2ddd757c3e4f3eccdd0055f173c66ec0ee5f81');
INSERT INTO "audit_events" VALUES(22,'2026-11-30 03:04:38.431293','execution-started',3,'the.operator','127.0.0.1','execution',11,NULL,'{"command": "df -h", "env": ["A"], "output_limit": 10485760, "secret_env": {"DB": "DB_PASSWORD", "OWN": null}, "server_id": 1, "stdin_bytes": null, "stdin_sha256": null, "task_id": 1, "timeout_seconds": 300, "trigger": "manual", "working_dir": null}','c24c7fed799e663f7f97140e2a2ddd757c3e4f3eccdd0055f173c66ec0ee5f81','8b149da4e8d15c2912879977f8a68358e4af513bea5c46cc3077bb982d422a22');
INSERT INTO "audit_events" VALUES(23,'2026-11-30 03:04:38.481634','execution-started',3,'the.operator','127.0.0.1','execution',12,NULL,'{"command": "df -h", "env": [], "output_limit": 10485760, "secret_env": {}, "server_id": 1, "stdin_bytes": null, "stdin_sha256": null, "task_id": 4, "timeout_seconds": 300, "trigger": "manual", "working_dir": null}','8b149da4e8d15c2912879977f8a68358e4af513bea5c46cc3077bb982d422a22','7e0a47da3ede92f70e7c8b5635f1272857d76518c2441f03624f5cdc78d69a12');
INSERT INTO "audit_events" VALUES(24,'2026-11-30 03:04:38.489975','execution-cancelled',3,'the.operator','127.0.0.1','execution',12,NULL,'{"outcome": "requested"}','7e0a47da3ede92f70e7c8b5635f1272857d76518c2441f03624f5cdc78d69a12','ed5c84f4b2009b1bbf719b3fb1e158eb1d94bf429737a043887c837437cfd873');
INSERT INTO "audit_events" VALUES(25,'2026-11-30 03:04:38.539693','task-updated',3,'the.operator','127.0.0.1','task',3,'{"enabled": true}','{"enabled": false}','ed5c84f4b2009b1bbf719b3fb1e158eb1d94bf429737a043887c837437cfd873','6d53721980ecffc1b44482cddc051a46ed8a6503b64b86c3454203315faad640');
INSERT INTO "audit_events" VALUES(26,'2026-11-30 03:04:38.584880','task-deleted',3,'the.operator','127.0.0.1','task',4,'{"command": "df -h", "cron_expr": "@manual", "enabled": true, "env": [], "name": "gone", "output_limit": 10485760, "paused_at": null, "paused_until": null, "run_mode": null, "secret_env": {}, "server_id": 1, "shell": null, "terms": {}, "timeout_seconds": 300, "timezone": "UTC", "working_dir": null}',NULL,'6d53721980ecffc1b44482cddc051a46ed8a6503b64b86c3454203315faad640','ce8585a032f2669893713b6c20186b375921746a6a9f7395eb6321b6897d5363');
CREATE TABLE execution_stdin (
	execution_id INTEGER NOT NULL, 
	sealed BLOB NOT NULL, 
	PRIMARY KEY (execution_id), 
	FOREIGN KEY(execution_id) REFERENCES task_executions (id)
);
CREATE TABLE grants (
	id INTEGER NOT NULL, 
	user_id INTEGER NOT NULL, 
	server_id INTEGER, 
	tag VARCHAR(64), 
	role VARCHAR(16) NOT NULL, 
	created_by INTEGER, 
	created_at DATETIME NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(user_id) REFERENCES users (id), 
	FOREIGN KEY(server_id) REFERENCES servers (id), 
	FOREIGN KEY(created_by) REFERENCES users (id), 
	CONSTRAINT uq_grants_server UNIQUE (user_id, server_id), 
	CONSTRAINT uq_grants_tag UNIQUE (user_id, tag), 
	CONSTRAINT ck_grants_place CHECK ((server_id IS NULL) <> (tag IS NULL))
);
INSERT INTO "grants" VALUES(1,2,NULL,'web','operator',4,'2026-11-30 03:04:35.508906');
CREATE TABLE identities (
	id INTEGER NOT NULL, 
	issuer VARCHAR(255) NOT NULL, 
	subject VARCHAR(255) NOT NULL, 
	user_id INTEGER NOT NULL, 
	told_at DATETIME NOT NULL, 
	created_at DATETIME NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(user_id) REFERENCES users (id), 
	UNIQUE (issuer, subject)
);
CREATE TABLE master_key_check (
	id INTEGER NOT NULL, 
	sealed BLOB NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT ck_master_key_check_one_row CHECK (id = 1)
);
INSERT INTO "master_key_check" VALUES(1,X'010C3939383562326534623962379B9CDBDC7C93EA2053F02266A081A63CA8C2360FC695EC95EBD3D8CFF429BD27B40C864D3FA62B367FF63E1550FF5BE5D0F54524CDC50FF7C43FF04FEE265C3DF9E4B7D093E7233F7CDEA0EA601B5A7166A6D4961EE0EAAB64B7EA737F9AE2');
CREATE TABLE output_chunks (
	execution_id INTEGER NOT NULL, 
	position BIGINT NOT NULL, 
	stream VARCHAR(6) NOT NULL, 
	stream_offset BIGINT DEFAULT '0' NOT NULL, 
	size INTEGER NOT NULL, 
	at DATETIME NOT NULL, 
	data BLOB NOT NULL, 
	PRIMARY KEY (execution_id, position), 
	FOREIGN KEY(execution_id) REFERENCES task_executions (id), 
	CONSTRAINT uq_output_offset UNIQUE (execution_id, stream, stream_offset)
);
INSERT INTO "output_chunks" VALUES(1,0,'stdout',0,366,'2026-11-30 03:04:35.502630',X'46696C6573797374656D20202020202020202020202020202053697A6520205573656420417661696C2055736525204D6F756E746564206F6E0A646576746D7066732020202020202020202020202020202020203132472020202020302020203132472020203025202F6465760A746D7066732020202020202020202020202020202020202020203234472020332E314D2020203234472020203125202F6465762F73686D0A2F6465762F7664612020202020202020202020202020202020323532472020203236472020203737472020323525202F0A6D6F64656C5F746F6F6C735F756E617661696C61626C652020342E304B2020202020302020342E304B2020203025202F6D6E742F73616E64626F78696E672F6D6F64656C5F746F6F6C735F656E762F76312F707974686F6E0A746D7066732020202020202020202020202020202020202020203132472020202020302020203132472020203025202F7379732F66732F6367726F75700A');
INSERT INTO "output_chunks" VALUES(2,0,'stdout',0,4,'2026-11-30 03:04:35.650669',X'6F75740A');
INSERT INTO "output_chunks" VALUES(2,4,'stderr',0,4,'2026-11-30 03:04:35.652258',X'6572720A');
INSERT INTO "output_chunks" VALUES(4,0,'stdout',0,2,'2026-11-30 03:04:35.796959',X'350A');
INSERT INTO "output_chunks" VALUES(5,0,'stdout',0,10,'2026-11-30 03:04:36.432020',X'2F62696E2F626173680A');
INSERT INTO "output_chunks" VALUES(10,0,'stdout',0,1000,'2026-11-30 03:04:38.379285',X'790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A790A');
INSERT INTO "output_chunks" VALUES(11,0,'stdout',0,366,'2026-11-30 03:04:38.470197',X'46696C6573797374656D20202020202020202020202020202053697A6520205573656420417661696C2055736525204D6F756E746564206F6E0A646576746D7066732020202020202020202020202020202020203132472020202020302020203132472020203025202F6465760A746D7066732020202020202020202020202020202020202020203234472020332E314D2020203234472020203125202F6465762F73686D0A2F6465762F7664612020202020202020202020202020202020323532472020203236472020203737472020323525202F0A6D6F64656C5F746F6F6C735F756E617661696C61626C652020342E304B2020202020302020342E304B2020203025202F6D6E742F73616E64626F78696E672F6D6F64656C5F746F6F6C735F656E762F76312F707974686F6E0A746D7066732020202020202020202020202020202020202020203132472020202020302020203132472020203025202F7379732F66732F6367726F75700A');
CREATE TABLE personal_tokens (
	id INTEGER NOT NULL, 
	user_id INTEGER NOT NULL, 
	name VARCHAR(100) NOT NULL, 
	hash VARCHAR(64) NOT NULL, 
	scope VARCHAR(8) NOT NULL, 
	created_at DATETIME NOT NULL, 
	expires_at DATETIME NOT NULL, 
	revoked_at DATETIME, 
	PRIMARY KEY (id), 
	FOREIGN KEY(user_id) REFERENCES users (id), 
	UNIQUE (hash)
);
INSERT INTO "personal_tokens" VALUES(1,4,'robot','c6c1f6cae48b26767220305e4b4b70c1793e8b3f4396e9331fd88ab6ea88eb8a','read','2026-11-30 03:04:35.537372','2027-02-28 03:04:35.537372',NULL);
CREATE TABLE policy_versions (
	id INTEGER NOT NULL, 
	server_id INTEGER, 
	task_id INTEGER, 
	mode VARCHAR(16), 
	allow TEXT NOT NULL, 
	commands TEXT NOT NULL, 
	extra TEXT NOT NULL, 
	subject VARCHAR(64), 
	created_by INTEGER NOT NULL, 
	created_at DATETIME NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(server_id) REFERENCES servers (id), 
	FOREIGN KEY(task_id) REFERENCES tasks (id), 
	FOREIGN KEY(created_by) REFERENCES users (id)
);
INSERT INTO "policy_versions" VALUES(1,1,NULL,'standard','["fs.*"]','[]','',NULL,4,'2026-11-30 03:04:35.407655');
INSERT INTO "policy_versions" VALUES(2,NULL,2,'strict','[]','[]','','1a22ddcf9a2b7fb8bcf4b728778800114d4208cee92ef7c36f14d532b3b0cf9c',4,'2026-11-30 03:04:35.449483');
CREATE TABLE runners (
	id VARCHAR(64) NOT NULL, 
	started_at DATETIME NOT NULL, 
	lease_until DATETIME NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE schedule_slots (
	id INTEGER NOT NULL, 
	task_id INTEGER NOT NULL, 
	slot DATETIME NOT NULL, 
	outcome VARCHAR(20) NOT NULL, 
	note VARCHAR(16), 
	reason TEXT, 
	execution_id INTEGER, 
	decided_at DATETIME NOT NULL, 
	becomes VARCHAR(20), 
	open BOOLEAN NOT NULL, 
	retries_left INTEGER NOT NULL, 
	retry_at DATETIME, 
	start_by DATETIME, 
	PRIMARY KEY (id), 
	FOREIGN KEY(task_id) REFERENCES tasks (id), 
	FOREIGN KEY(execution_id) REFERENCES task_executions (id) ON DELETE SET NULL, 
	CONSTRAINT uq_slots_task_slot UNIQUE (task_id, slot)
);
INSERT INTO "schedule_slots" VALUES(1,1,'2026-11-30 03:04:35.045475','fired',NULL,NULL,1,'2026-11-30 03:04:35.045475',NULL,0,0,NULL,NULL);
INSERT INTO "schedule_slots" VALUES(2,3,'2026-11-30 03:04:36.187453','fired',NULL,NULL,6,'2026-11-30 03:04:36.384679',NULL,0,0,NULL,NULL);
INSERT INTO "schedule_slots" VALUES(3,3,'2026-11-30 03:04:37.187453','fired',NULL,NULL,8,'2026-11-30 03:04:37.258258',NULL,0,0,NULL,NULL);
INSERT INTO "schedule_slots" VALUES(4,3,'2026-11-30 03:04:38.187453','fired',NULL,NULL,9,'2026-11-30 03:04:38.196133',NULL,0,0,NULL,NULL);
CREATE TABLE secrets (
	id INTEGER NOT NULL, 
	name VARCHAR(100) NOT NULL, 
	value BLOB NOT NULL, 
	server_id INTEGER, 
	created_by INTEGER NOT NULL, 
	created_at DATETIME NOT NULL, 
	updated_at DATETIME NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(created_by) REFERENCES users (id), 
	FOREIGN KEY(server_id) REFERENCES servers (id), 
	UNIQUE (name)
);
INSERT INTO "secrets" VALUES(1,'DB_PASSWORD',X'010C3939383562326534623962378F52B5AEFD7894A3711C0C2C863F52F0B5A70A8EECC80B540DB7874B403D37D77940587F26F84C01E611252BCCB6263DA84F26AE7A7D3CE7C71D888E23EBF3ACEF7042A12DEDF10140BB8DF8C141722FBB3E215069A5C15424208956AAE3882BA1A09E78431DC0BD7DBD844D3E03DF15473748',NULL,4,'2026-11-30 03:04:34.997742','2026-11-30 03:04:34.997742');
CREATE TABLE server_tags (
	server_id INTEGER NOT NULL, 
	tag VARCHAR(64) NOT NULL, 
	PRIMARY KEY (server_id, tag), 
	FOREIGN KEY(server_id) REFERENCES servers (id)
);
CREATE TABLE servers (
	id INTEGER NOT NULL, 
	name VARCHAR(100) NOT NULL, 
	name_folded TEXT NOT NULL, 
	host VARCHAR(255) NOT NULL, 
	port INTEGER NOT NULL, 
	username VARCHAR(64) NOT NULL, 
	host_keys TEXT NOT NULL, 
	credential_kind VARCHAR(16) NOT NULL, 
	credential BLOB NOT NULL, 
	tags TEXT NOT NULL, 
	max_parallel INTEGER NOT NULL, 
	run_mode VARCHAR(16) NOT NULL, 
	blackouts TEXT DEFAULT '[]' NOT NULL, 
	enabled BOOLEAN NOT NULL, 
	created_by INTEGER NOT NULL, 
	created_at DATETIME NOT NULL, 
	updated_at DATETIME NOT NULL, 
	deleted_at DATETIME, legacy_algorithms TEXT DEFAULT '[]' NOT NULL, host_key_alias VARCHAR(255), 
	PRIMARY KEY (id), 
	FOREIGN KEY(created_by) REFERENCES users (id)
);
INSERT INTO "servers" VALUES(1,'a server','a server','127.0.0.1',34443,'root','["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICeoiBCYe45jZgjWEjjKnW/GLmdHn4bR22vcui4RmBiH"]','key',X'010C3939383562326534623962377B54C30572C35E7C71F254C03B97746EE76553BAEBD1AEA388F6120DAAA8DBD6E315CC1454F0397676FA1954509A26A18650562426599A6A2D9C040AEF201BF4C32D8C6C1650941830537791C144F86F68A1EB7CDDA9A2E81D7E94CCB5664429BB6D6C67CAAF22CFF60B9BF6007228E5ACB137AF6D4B9CA671A64D5E9648EE81513FC11C0148423A09C944318C1E230299BADC31060F7B91500BCB436A8E4EB64734B5E9260D5F277B3CEF1519571C7B37676EDE9CAD8E9D09873239047599B52C7D22710F26DBE0539A2FD4C5CB2D1E905443A3CAC337FF76E2E0335CEA95D2589C8032B2F22030705B19E94FA1CE9AC18D10019457620E75CA320B0C5AA3C1064B36479E3DC1F922BF29CD49040FBC2E00FFB7877A160E7CD8234E399973B8FAC7922ECA50B83948A01AF958779C239C8E05869845901F721C83C4DEE730F9F057B91A96C9C384BE7E15B610FD5241E433761D7A58BD77E8D4C4F34FB4D56ABDA38BCD917FA92AE9D524DE37169E50B1B0C496FCED86374EA9906EF895E9C658AAFF50A7CF1A720EC63D80718B8D5E6ACD5FCDA2A19F007D8734CD5820981CB30E6A9807199AB36A7C9AB973FEAB548778E013A09280668A49EE2B3A9118A171C43286605910FEA59834DB7EDDDF74B5EABB44F7F11A7DF81521CFD1C93BC69A5859F2F9318DDCDC5D02AB13005A897581108256351A9873E001EE7FCDC865AD51DAC0B2A33603BB8FAF02EB4C714FCF0D2B380927F4119D68194B32D1A2872B','[]',10,'durable','[]',1,4,'2026-11-30 03:04:34.522963','2026-11-30 03:04:34.522963',NULL,'[]',NULL);
CREATE TABLE sessions (
	id INTEGER NOT NULL, 
	user_id INTEGER NOT NULL, 
	refresh_id VARCHAR(32) NOT NULL, 
	previous_id VARCHAR(32), 
	rotated_at DATETIME NOT NULL, 
	address VARCHAR(64) NOT NULL, 
	created_at DATETIME NOT NULL, 
	expires_at DATETIME NOT NULL, 
	ended_at DATETIME, 
	PRIMARY KEY (id), 
	FOREIGN KEY(user_id) REFERENCES users (id)
);
CREATE TABLE sign_in_codes (
	hash VARCHAR(64) NOT NULL, 
	identity_id INTEGER NOT NULL, 
	expires_at DATETIME NOT NULL, 
	PRIMARY KEY (hash), 
	FOREIGN KEY(identity_id) REFERENCES identities (id)
);
CREATE TABLE task_executions (
	id INTEGER NOT NULL, 
	task_id INTEGER, 
	server_id INTEGER NOT NULL, 
	command TEXT NOT NULL, 
	env TEXT NOT NULL, 
	working_dir VARCHAR(4096), 
	timeout_seconds INTEGER NOT NULL, 
	output_limit BIGINT DEFAULT '0' NOT NULL, 
	"trigger" VARCHAR(16) NOT NULL, 
	slot DATETIME, 
	attempt INTEGER NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	reason VARCHAR(24), 
	message TEXT, 
	exit_code BIGINT, 
	exit_signal VARCHAR(16), 
	created_at DATETIME NOT NULL, 
	start_time DATETIME, 
	end_time DATETIME, 
	duration_ms BIGINT, 
	cancel_at DATETIME, 
	runner_id VARCHAR(64), 
	fence INTEGER NOT NULL, 
	mode VARCHAR(16), 
	remote TEXT, 
	verified_gone BOOLEAN, 
	stdout_bytes BIGINT DEFAULT '0' NOT NULL, 
	stderr_bytes BIGINT DEFAULT '0' NOT NULL, 
	truncated BOOLEAN NOT NULL, 
	idempotency_key VARCHAR(128), 
	policy_version VARCHAR(32), 
	created_by INTEGER NOT NULL, secret_env TEXT DEFAULT '{}' NOT NULL, sealed_env TEXT, sealed_run BLOB, server_policy_id BIGINT, task_policy_id BIGINT, findings TEXT, shell VARCHAR(128), stdin_bytes BIGINT, stdin_sha256 VARCHAR(64), 
	PRIMARY KEY (id), 
	FOREIGN KEY(created_by) REFERENCES users (id), 
	FOREIGN KEY(server_id) REFERENCES servers (id), 
	FOREIGN KEY(task_id) REFERENCES tasks (id), 
	CONSTRAINT uq_executions_idempotency UNIQUE (created_by, idempotency_key)
);
INSERT INTO "task_executions" VALUES(1,1,1,'df -h','{"A":"1"}',NULL,300,10485760,'manual',NULL,1,'SUCCESS','EXIT_STATUS',NULL,0,NULL,'2026-11-30 03:04:35.045475','2026-11-30 03:04:35.121802','2026-11-30 03:04:35.522359',401,NULL,'vm-4135-cf273426',1,'durable','{"spool":"1-30e939e403bca894.","at":1796007875.296294}',NULL,366,0,0,NULL,'2026.11.1-standard',3,'{"DB":"DB_PASSWORD","OWN":null}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "task_executions" VALUES(2,NULL,1,'echo out; echo err >&2','{}',NULL,300,10485760,'api',NULL,1,'SUCCESS','EXIT_STATUS',NULL,0,NULL,'2026-11-30 03:04:35.567638','2026-11-30 03:04:35.570542','2026-11-30 03:04:35.654685',84,NULL,'vm-4135-cf273426',1,'durable','{"spool":"2-5721f204d5d919fb.","at":1796007875.58811}',NULL,4,4,0,'made-a058242c10054907bc33d5f2ff036db3','2026.11.1-standard-ff931c',3,'{}',NULL,NULL,1,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "task_executions" VALUES(3,NULL,1,'exit 3','{}',NULL,300,10485760,'api',NULL,1,'FAILED','EXIT_STATUS',NULL,3,NULL,'2026-11-30 03:04:35.661952','2026-11-30 03:04:35.664633','2026-11-30 03:04:35.706964',42,NULL,'vm-4135-cf273426',1,'durable','{"spool":"3-692fb0e896c0a5ed.","at":1796007875.675065}',NULL,0,0,0,'made-6111171fd9fb4cd4b197167f64f6bbfe','2026.11.1-standard-ff931c',3,'{}',NULL,NULL,1,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "task_executions" VALUES(4,NULL,1,'wc -c','{}',NULL,300,10485760,'api',NULL,1,'SUCCESS','EXIT_STATUS',NULL,0,NULL,'2026-11-30 03:04:35.715067','2026-11-30 03:04:35.718292','2026-11-30 03:04:35.811522',93,NULL,'vm-4135-cf273426',1,'durable','{"spool":"4-18ea871e5a7a5332.","at":1796007875.725031}',NULL,2,0,0,'made-c217c4ece72744e8a5484cf1b97c3dd8','2026.11.1-standard-ff931c',3,'{}',NULL,NULL,1,NULL,NULL,NULL,5,'2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824');
INSERT INTO "task_executions" VALUES(5,NULL,1,'#!/bin/bash
echo $0','{}',NULL,300,10485760,'api',NULL,1,'SUCCESS','EXIT_STATUS',NULL,0,NULL,'2026-11-30 03:04:35.851595','2026-11-30 03:04:35.853550','2026-11-30 03:04:36.455597',602,NULL,'vm-4135-cf273426',1,'durable','{"spool":"5-3bd24443ddd46c38.","at":1796007875.873809}',NULL,10,0,0,'made-022ec6b624234d02bcdd2c640aeca08a','2026.11.1-standard-ff931c',3,'{}',NULL,NULL,1,NULL,NULL,'/bin/bash',NULL,NULL);
INSERT INTO "task_executions" VALUES(6,3,1,'true','{}',NULL,300,10485760,'schedule','2026-11-30 03:04:36.187453',1,'SUCCESS','EXIT_STATUS',NULL,0,NULL,'2026-11-30 03:04:36.384679','2026-11-30 03:04:36.416639','2026-11-30 03:04:36.550858',134,NULL,'vm-4135-cf273426',1,'durable','{"spool":"6-066ba0eea4e8134b.","at":1796007876.502187}',NULL,0,0,0,NULL,'2026.11.1-standard-ff931c',3,'{}',NULL,NULL,1,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "task_executions" VALUES(7,NULL,1,'sleep 40','{}',NULL,1,10485760,'api',NULL,1,'TIMEOUT','TIMEOUT','stopped after its time limit of 1 s; verified gone',NULL,NULL,'2026-11-30 03:04:36.540689','2026-11-30 03:04:36.558578','2026-11-30 03:04:38.169482',1611,NULL,'vm-4135-cf273426',1,'durable','{"spool":"7-aeaac7fb86fd0f24.","at":1796007876.582811,"known":true,"prefix":"/tmp/tmpim7al1q1/home/.sshcast/7-aeaac7fb86fd0f24.","pid":"4896","start":"330256","boot":"f0312c18-eed4-4f30-9caa-385cc270041c","child":"4900"}',1,0,0,0,'made-a852da683b9b4f7cb2bc1272337fdb78','2026.11.1-standard-ff931c',3,'{}',NULL,NULL,1,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "task_executions" VALUES(8,3,1,'true','{}',NULL,300,10485760,'schedule','2026-11-30 03:04:37.187453',1,'SUCCESS','EXIT_STATUS',NULL,0,NULL,'2026-11-30 03:04:37.258258','2026-11-30 03:04:37.278326','2026-11-30 03:04:37.359853',82,NULL,'vm-4135-cf273426',1,'durable','{"spool":"8-6ee7b8cb0a42244a.","at":1796007877.30889,"known":true,"prefix":"/tmp/tmpim7al1q1/home/.sshcast/8-6ee7b8cb0a42244a.","pid":"4940","start":"330329","boot":"f0312c18-eed4-4f30-9caa-385cc270041c","child":"4944"}',NULL,0,0,0,NULL,'2026.11.1-standard-ff931c',3,'{}',NULL,NULL,1,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "task_executions" VALUES(9,3,1,'true','{}',NULL,300,10485760,'schedule','2026-11-30 03:04:38.187453',1,'SUCCESS','EXIT_STATUS',NULL,0,NULL,'2026-11-30 03:04:38.196133','2026-11-30 03:04:38.203001','2026-11-30 03:04:38.336601',134,NULL,'vm-4135-cf273426',1,'durable','{"spool":"9-5c8a15e9d0f83555.","at":1796007878.267781}',NULL,0,0,0,NULL,'2026.11.1-standard-ff931c',3,'{}',NULL,NULL,1,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "task_executions" VALUES(10,NULL,1,'yes','{}',NULL,300,1000,'api',NULL,1,'FAILED','OUTPUT_LIMIT','stopped because its output reached the limit; verified gone',NULL,NULL,'2026-11-30 03:04:38.205476','2026-11-30 03:04:38.234401','2026-11-30 03:04:38.414964',181,NULL,'vm-4135-cf273426',1,'durable','{"spool":"10-3fae1f184f08f1a1.","at":1796007878.290797,"known":true,"prefix":"/tmp/tmpim7al1q1/home/.sshcast/10-3fae1f184f08f1a1.","pid":"4984","start":"330429","boot":"f0312c18-eed4-4f30-9caa-385cc270041c","child":"4988"}',1,1000,0,1,'made-5a4fa889d0b14a9485ff672128fd3fd7','2026.11.1-standard-ff931c',3,'{}',NULL,NULL,1,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "task_executions" VALUES(11,1,1,'df -h','{"A":"1"}',NULL,300,10485760,'manual',NULL,1,'SUCCESS','EXIT_STATUS',NULL,0,NULL,'2026-11-30 03:04:38.431283','2026-11-30 03:04:38.433565','2026-11-30 03:04:38.474660',41,NULL,'vm-4135-cf273426',1,'durable','{"spool":"11-a50770f1c30b769c.","at":1796007878.440508}',NULL,366,0,0,'made-ffd9ff340f3c44b1b494d3bd3d2d6297','2026.11.1-standard-ff931c',3,'{"DB":"DB_PASSWORD","OWN":null}',NULL,NULL,1,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "task_executions" VALUES(12,4,1,'df -h','{}',NULL,300,10485760,'manual',NULL,1,'CANCELLED','CANCELLED','cancelled before it started',NULL,NULL,'2026-11-30 03:04:38.481625','2026-11-30 03:04:38.485068','2026-11-30 03:04:38.522562',37,'2026-11-30 03:04:38.489975','vm-4135-cf273426',1,'durable',NULL,NULL,0,0,0,'made-ebe2782df0354916b7488247a409c576','2026.11.1-standard-ff931c',3,'{}',NULL,NULL,1,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE task_keys (
	created_by INTEGER NOT NULL, 
	"key" VARCHAR(128) NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	task_id INTEGER, 
	execution_id BIGINT, 
	PRIMARY KEY (created_by, "key"), 
	FOREIGN KEY(created_by) REFERENCES users (id), 
	FOREIGN KEY(task_id) REFERENCES tasks (id)
);
CREATE TABLE tasks (
	id INTEGER NOT NULL, 
	name VARCHAR(100) NOT NULL, 
	name_folded TEXT NOT NULL, 
	command TEXT NOT NULL, 
	server_id INTEGER NOT NULL, 
	cron_expr VARCHAR(120) NOT NULL, 
	timezone VARCHAR(64) NOT NULL, 
	enabled BOOLEAN NOT NULL, 
	timeout_seconds INTEGER NOT NULL, 
	output_limit BIGINT DEFAULT '0' NOT NULL, 
	env TEXT NOT NULL, 
	working_dir VARCHAR(4096), 
	run_mode VARCHAR(16), 
	terms TEXT DEFAULT '{}' NOT NULL, 
	paused_at DATETIME, 
	paused_until DATETIME, 
	next_run DATETIME, 
	last_run DATETIME, 
	created_by INTEGER NOT NULL, 
	created_at DATETIME NOT NULL, 
	updated_at DATETIME NOT NULL, 
	deleted_at DATETIME, secret_env TEXT DEFAULT '{}' NOT NULL, sealed_env TEXT DEFAULT '{}' NOT NULL, updated_by BIGINT, shell VARCHAR(128), 
	PRIMARY KEY (id), 
	FOREIGN KEY(created_by) REFERENCES users (id), 
	FOREIGN KEY(server_id) REFERENCES servers (id)
);
INSERT INTO "tasks" VALUES(1,'once','once','df -h',1,'@once','UTC',1,300,10485760,'{"A":"1"}',NULL,NULL,'{}',NULL,NULL,NULL,'2026-11-30 03:04:38.431283',3,'2026-11-30 03:04:35.045475','2026-11-30 03:04:35.045475',NULL,'{"DB":"DB_PASSWORD","OWN":null}','{"OWN":"AQw5OTg1YjJlNGI5YjcrPuzQrIQVFXZ4qekw7P8pBTE30nNzjbeGdQpH2bhjqyYgUXgpD0oh41Pr8ao1iu1+WHzFa0UxxrIqV6PfBuC2HSLfSTqEZT7JIMhlZ2fJU3nYbezjkCQ9hzQRDafoAufaw1Mx0w=="}',3,NULL);
INSERT INTO "tasks" VALUES(2,'nightly','nightly','du -sh .',1,'0 3 * * *','Asia/Shanghai',1,300,10485760,'{}','/tmp',NULL,'{}','2026-11-30 03:04:35.496586',NULL,'2026-11-30 19:00:00.000000',NULL,3,'2026-11-30 03:04:35.139458','2026-11-30 03:04:35.496586',NULL,'{}','{}',3,NULL);
INSERT INTO "tasks" VALUES(3,'ticking','ticking','true',1,'@every 1s','UTC',0,300,10485760,'{}',NULL,NULL,'{}',NULL,NULL,NULL,'2026-11-30 03:04:38.196133',3,'2026-11-30 03:04:35.187453','2026-11-30 03:04:38.539658',NULL,'{}','{}',3,NULL);
INSERT INTO "tasks" VALUES(4,'gone','gone','df -h',1,'@manual','UTC',1,300,10485760,'{}',NULL,NULL,'{}',NULL,NULL,NULL,'2026-11-30 03:04:38.481625',3,'2026-11-30 03:04:35.243444','2026-11-30 03:04:38.584880','2026-11-30 03:04:38.584880','{}','{}',3,NULL);
CREATE TABLE users (
	id INTEGER NOT NULL, 
	name VARCHAR(64) NOT NULL, 
	password_hash VARCHAR(255) NOT NULL, 
	role VARCHAR(16) NOT NULL, 
	disabled BOOLEAN NOT NULL, 
	token_version INTEGER NOT NULL, 
	created_at DATETIME NOT NULL, 
	updated_at DATETIME NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (name)
);
INSERT INTO "users" VALUES(1,'the.none','$argon2id$v=19$m=19456,t=2,p=1$bzNPii3WnaK0KCdgU2fg4A$PCLc5qtV03WKBaPAxJL20bQ/NWfEt1074n2aw4Them8','none',0,0,'2026-11-30 03:04:34.458820','2026-11-30 03:04:34.458820');
INSERT INTO "users" VALUES(2,'the.viewer','$argon2id$v=19$m=19456,t=2,p=1$bzNPii3WnaK0KCdgU2fg4A$PCLc5qtV03WKBaPAxJL20bQ/NWfEt1074n2aw4Them8','viewer',0,0,'2026-11-30 03:04:34.470375','2026-11-30 03:04:34.470375');
INSERT INTO "users" VALUES(3,'the.operator','$argon2id$v=19$m=19456,t=2,p=1$bzNPii3WnaK0KCdgU2fg4A$PCLc5qtV03WKBaPAxJL20bQ/NWfEt1074n2aw4Them8','operator',0,0,'2026-11-30 03:04:34.474342','2026-11-30 03:04:34.474342');
INSERT INTO "users" VALUES(4,'the.admin','$argon2id$v=19$m=19456,t=2,p=1$bzNPii3WnaK0KCdgU2fg4A$PCLc5qtV03WKBaPAxJL20bQ/NWfEt1074n2aw4Them8','admin',0,0,'2026-11-30 03:04:34.480569','2026-11-30 03:04:34.480569');
CREATE INDEX ix_sessions_user ON sessions (user_id, id);
CREATE INDEX ix_personal_tokens_user ON personal_tokens (user_id, id);
CREATE UNIQUE INDEX uq_servers_name_kept ON servers (name) WHERE deleted_at IS NULL;
CREATE INDEX ix_servers_created ON servers (created_at, id);
CREATE INDEX ix_tasks_created ON tasks (created_at, id);
CREATE INDEX ix_tasks_creator ON tasks (created_by, id);
CREATE INDEX ix_tasks_due ON tasks (next_run) WHERE enabled AND deleted_at IS NULL AND next_run IS NOT NULL;
CREATE INDEX ix_tasks_last_run ON tasks (last_run, id);
CREATE INDEX ix_tasks_name ON tasks (name, id);
CREATE INDEX ix_tasks_next_run ON tasks (next_run, id);
CREATE INDEX ix_tasks_server ON tasks (server_id, id);
CREATE INDEX ix_executions_created ON task_executions (created_at, id);
CREATE INDEX ix_executions_pending ON task_executions (server_id, created_by, id) WHERE state = 'PENDING';
CREATE INDEX ix_executions_running ON task_executions (runner_id, id) WHERE state = 'RUNNING';
CREATE INDEX ix_executions_busy ON task_executions (server_id) WHERE state = 'RUNNING';
CREATE INDEX ix_executions_server ON task_executions (server_id, id);
CREATE INDEX ix_executions_state ON task_executions (state, id);
CREATE INDEX ix_executions_open ON task_executions (task_id) WHERE state IN ('PENDING', 'RUNNING');
CREATE INDEX ix_executions_task ON task_executions (task_id, id);
CREATE INDEX ix_executions_trigger ON task_executions ("trigger", id);
CREATE INDEX ix_executions_creator ON task_executions (created_by, id);
CREATE INDEX ix_executions_start ON task_executions (start_time, id);
CREATE INDEX ix_executions_end ON task_executions (end_time, id);
CREATE INDEX ix_slots_open ON schedule_slots (task_id) WHERE open;
CREATE INDEX ix_slots_execution ON schedule_slots (execution_id);
CREATE INDEX ix_slots_outcome ON schedule_slots (outcome, id);
CREATE INDEX ix_slots_slot ON schedule_slots (slot, id);
CREATE INDEX ix_audit_kind ON audit_events (kind, id);
CREATE INDEX ix_audit_actor ON audit_events (actor_id, id);
CREATE INDEX ix_audit_object ON audit_events (object_kind, object_id, id);
CREATE INDEX ix_audit_at ON audit_events (at, id);
CREATE TRIGGER audit_events_no_update BEFORE UPDATE ON audit_events BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
CREATE TRIGGER audit_events_no_delete BEFORE DELETE ON audit_events BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
CREATE INDEX ix_secrets_server ON secrets (server_id, id);
CREATE INDEX ix_slots_task ON schedule_slots (task_id, id);
CREATE INDEX ix_server_tags_tag ON server_tags (tag, server_id);
CREATE INDEX ix_policy_versions_server ON policy_versions (server_id, id);
CREATE INDEX ix_policy_versions_task ON policy_versions (task_id, id);
CREATE INDEX ix_executions_findings ON task_executions (id) WHERE findings IS NOT NULL;
CREATE INDEX ix_identities_user ON identities (user_id, id);
COMMIT;
