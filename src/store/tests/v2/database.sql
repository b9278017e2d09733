PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE account (
    id        INTEGER PRIMARY KEY,
    name      TEXT NOT NULL UNIQUE,
    head_seq  INTEGER NOT NULL,
    head_hash BLOB NOT NULL,
    open      INTEGER NOT NULL -- holds that have not ended
) STRICT;
INSERT INTO account VALUES(1,'müller',11,X'f1f9aadd41febf7b34b0e6aaad14299913bbaafa28ab1ed3780784093c3412a2',0);
INSERT INTO account VALUES(2,'alice',18,X'95d7efed4e44a8ddb8cee6c3f43e6a4d194f2b428ebe34c43464a93a8482c8db',1);
CREATE TABLE entry (
    key     INTEGER PRIMARY KEY, -- account × 2^40 + seq: one tree, in which each account's entries lie together
    account INTEGER GENERATED ALWAYS AS (key >> 40) VIRTUAL,
    seq     INTEGER GENERATED ALWAYS AS (key & 1099511627775) VIRTUAL,
    time    INTEGER NOT NULL, -- microseconds since 1970
    kind    TEXT NOT NULL,
    op_id   TEXT NOT NULL,
    amount  ANY NOT NULL,
    granted ANY NOT NULL,
    settled ANY NOT NULL,
    held    ANY NOT NULL,
    detail  TEXT NOT NULL,
    hash    BLOB NOT NULL
) STRICT;
INSERT INTO entry VALUES(1099511627777,1795219200000000,'grant','opening',500,500,0,0,'{"reason":"opening credit"}',X'0d6d28f369f9687ebffdbf2212b2497a64aa8ebdfd6723642a1e029cafac6f01');
INSERT INTO entry VALUES(1099511627778,1795219200000000,'grant','a-big','1000000000000000000000','1000000000000000000500',0,0,'{"reason":"ein großer \"Posten\"\n"}',X'12e96cb10e665b1344e54b291caa28af2bc4bd6d685b4fc0a59cc80bd13ab4b1');
INSERT INTO entry VALUES(1099511627779,1795219200000000,'hold','000SGBW2NNR000000000000000',1000000000,'1000000000000000000500',0,1000000000,'{"estimate":"0.000000500","lease_until":1795219260000000,"tags":{"team":"blue"}}',X'1e98894d7f67e7e3591d91002148ea22a0ce73bcd7ae5ed11b6984780614ea98');
INSERT INTO entry VALUES(1099511627780,1795219200000001,'extend','000SGBW2NNR000000000000000',77,'1000000000000000000500',0,1000000077,'{"lease_until":1795219290000000}',X'd69d784e1fe965f4445639a75b1072984c1197dd3fd6b6b085b4808c31841cd2');
INSERT INTO entry VALUES(1099511627781,1795219200000003,'settle','000SGBW2NNR000000000000000',42000,'1000000000000000000500',42000,0,'{"held":"0.001000000077","hold":3,"lines":[{"provider":"cheap","model":"small","usage":{"input":5,"output":7},"price":"1","amount":"0.000000042","outcome":"ok"}]}',X'5e91faedc78da86edbe586a144dd6daccdb98c42b0b0ede55add157f9cacad03');
INSERT INTO entry VALUES(1099511627782,1795219202100000,'hold','000SGBW2PNSCGDN9KD5HYXYX1Z',1000000003,'1000000000000000000500',42000,1000000003,'{"estimate":"0.000000500","lease_until":1795219262100000}',X'eb4f1728eafff77384a7bf50e33cc24821918d4a121c2869d4689073117d2eec');
INSERT INTO entry VALUES(1099511627783,1795219202100003,'settle','000SGBW2PNSCGDN9KD5HYXYX1Z',42003,'1000000000000000000500',84003,0,'{"held":"0.001000000003","hold":6,"lines":[{"provider":"cheap","model":"small","usage":{"input":8,"output":7},"price":"1","amount":"0.000000042003","outcome":"ok"}]}',X'ed9987cecd14c9662539e3aebf1beb7b167ef4b7f72d1fb2b7a1dc221bf1179e');
INSERT INTO entry VALUES(1099511627784,1795219204200000,'hold','000SGBW2QNTS0BAK6TB3XVXT3Y',1000000006,'1000000000000000000500',84003,1000000006,'{"estimate":"0.000000500","lease_until":1795219264200000,"tags":{"team":"blue"}}',X'c2bc96a239d8b2dfde36d58c3313ed92c9c78fd79d3377450b221f0305ae0738');
INSERT INTO entry VALUES(1099511627785,1795219204200003,'settle','000SGBW2QNTS0BAK6TB3XVXT3Y',42006,'1000000000000000000500',126009,0,'{"held":"0.001000000006","hold":8,"lines":[{"provider":"cheap","model":"small","usage":{"input":11,"output":7},"price":"1","amount":"0.000000042006","outcome":"ok"}]}',X'4ce011eeb1e65889f2db1e210f5f90e2c61c574592708025fb624ed54d184599');
INSERT INTO entry VALUES(1099511627786,1795219206300000,'hold','a-own-9',1000000009,'1000000000000000000500',126009,1000000009,'{"estimate":"0.000000500","lease_until":1795219266300000}',X'9d10d51fd0d7407951c2cc6a1a971b72fcb8a2f19e042c748db272782a987578');
INSERT INTO entry VALUES(1099511627787,1795219206300003,'settle','a-own-9',42009,'1000000000000000000500',168018,0,'{"held":"0.001000000009","hold":10,"lines":[{"provider":"cheap","model":"small","usage":{"input":14,"output":7},"price":"1","amount":"0.000000042009","outcome":"ok"}]}',X'f1f9aadd41febf7b34b0e6aaad14299913bbaafa28ab1ed3780784093c3412a2');
INSERT INTO entry VALUES(2199023255553,1795219200700000,'grant','opening',500,500,0,0,'{"reason":"opening credit"}',X'c87a405b3d4997d06b9e050922274aca0860459fd5968d71bcc5f24962abe41a');
INSERT INTO entry VALUES(2199023255554,1795219200700000,'hold','a-own-1',1000000001,500,0,1000000001,'{"estimate":"0.000000500","lease_until":1795219260700000}',X'88925f707786d3da2ac1c06f0b13d4dae8bbf992274e046d770ec8264cf93979');
INSERT INTO entry VALUES(2199023255555,1795219200700003,'settle','a-own-1',42001,500,42001,0,'{"held":"0.001000000001","hold":2,"lines":[{"provider":"cheap","model":"small","usage":{"input":6,"output":7},"price":"1","amount":"0.000000042001","outcome":"ok"}]}',X'5f7c05111a6658b646007dfdfac94da913affae9b917ad178078eddbf7fc82c4');
INSERT INTO entry VALUES(2199023255556,1795219201400000,'hold','000SGBW2PB3K03RVQKEBZ99Y1A',1000000002,500,42001,1000000002,'{"estimate":"0.000000500","lease_until":1795219261400000,"tags":{"team":"blue"}}',X'9ae164938a25da26ce6ccc62420cc365984e7f047922bac07161fddc404fc6c2');
INSERT INTO entry VALUES(2199023255557,1795219201400002,'release','000SGBW2PB3K03RVQKEBZ99Y1A',0,500,42001,0,'{"held":"0.001000000002","hold":4,"lines":[],"why":"refused"}',X'09c7172827eee6778bdf03cd45c8ba07336d0f7162c52994d562180e3c3749c1');
INSERT INTO entry VALUES(2199023255558,1795219202800000,'hold','000SGBW2Q0F607HQF6WQYJKW2M',1000000004,500,42001,1000000004,'{"estimate":"0.000000500","lease_until":1795219262800000,"tags":{"team":"blue"}}',X'9fdcbbdb38088c63a7a55ce447d139538ee68fc46047e909efe696520e9a1137');
INSERT INTO entry VALUES(2199023255559,1795219202800003,'settle','000SGBW2Q0F607HQF6WQYJKW2M',42004,500,84005,0,'{"held":"0.001000000004","hold":6,"lines":[{"provider":"cheap","model":"small","usage":{"input":9,"output":7},"price":"1","amount":"0.000000042004","outcome":"ok"}]}',X'28263160edfa20eba7df49be71a23564f87b54515c23f54946b0912b50249028');
INSERT INTO entry VALUES(2199023255560,1795219203500000,'hold','a-own-5',1000000005,500,84005,1000000005,'{"estimate":"0.000000500","lease_until":1795219263500000}',X'788983d6fb56ce33407590cf1f27aac05a59572b16dda9acfdf48e888cb591f1');
INSERT INTO entry VALUES(2199023255561,1795219203500001,'extend','a-own-5',77,500,84005,1000000082,'{"lease_until":1795219293500000}',X'9ae93fbfd4d05a1f12a37da576dd644cd0fe2be653ac3e6ce140b2d97a2a9b1d');
INSERT INTO entry VALUES(2199023255562,1795219203500003,'settle','a-own-5',42005,500,126010,0,'{"held":"0.001000000082","hold":8,"lines":[{"provider":"cheap","model":"small","usage":{"input":10,"output":7},"price":"1","amount":"0.000000042005","outcome":"ok"}]}',X'630d0d8c0c5b913a8367b7f0089fe6f258f97cc9aac91db72f004fda4e373ef3');
INSERT INTO entry VALUES(2199023255563,1795219204900000,'hold','000SGBW2R0GJG5712M29XGJS4K',1000000007,500,126010,1000000007,'{"estimate":"0.000000500","lease_until":1795219264900000}',X'7d1e49a53e79050a104becc7c423fdd63aa53b4cd27db056fa03c854b1b8026c');
INSERT INTO entry VALUES(2199023255564,1795219204900003,'settle','000SGBW2R0GJG5712M29XGJS4K',42007,500,168017,0,'{"held":"0.001000000007","hold":11,"lines":[{"provider":"cheap","model":"small","usage":{"input":12,"output":7},"price":"1","amount":"0.000000042007","outcome":"ok"}]}',X'a33724c2406214a93311122bb0a199420d20da17f02944670ebc5e8dc1d72a51');
INSERT INTO entry VALUES(2199023255565,1795219205600000,'hold','000SGBW2RB6C0F3EYDSFX57R58',1000000008,500,168017,1000000008,'{"estimate":"0.000000500","lease_until":1795219265600000,"tags":{"team":"blue"}}',X'0bd9b637175a8d72d4904cd4338313eb848c56db9a336a36e6c6d5a22609a3c7');
INSERT INTO entry VALUES(2199023255566,1795219205600002,'release','000SGBW2RB6C0F3EYDSFX57R58',0,500,168017,0,'{"held":"0.001000000008","hold":13,"lines":[],"why":"refused"}',X'f05808b275a9828b1d263dde370541305b931d0a3978b0a9c99869cf0f534e6b');
INSERT INTO entry VALUES(2199023255567,1795219207000000,'hold','000SGBW2S0HZ02WAP17VWEHP6J',1000000010,500,168017,1000000010,'{"estimate":"0.000000500","lease_until":1795219267000000,"tags":{"team":"blue"}}',X'd8072998b5234f6c74173619d0c85be27eaac4ca6135412d128187f4d131098b');
INSERT INTO entry VALUES(2199023255568,1795219207000001,'extend','000SGBW2S0HZ02WAP17VWEHP6J',77,500,168017,1000000087,'{"lease_until":1795219297000000}',X'8a62627039a1abb40d025f86a60f892cc7a03f275b3268b2e8d0e57f4df6bf91');
INSERT INTO entry VALUES(2199023255569,1795219207000003,'settle','000SGBW2S0HZ02WAP17VWEHP6J',42010,500,210027,0,'{"held":"0.001000000087","hold":15,"lines":[{"provider":"cheap","model":"small","usage":{"input":15,"output":7},"price":"1","amount":"0.000000042010","outcome":"ok"}]}',X'9710748b7836486864d1df4603b5358c3f1fd25530f508e2fc89d69919276781');
INSERT INTO entry VALUES(2199023255570,1795219207700000,'hold','000SGBW2SB7RGCRRHTZ1W36N77',1000000011,500,210027,1000000011,'{"estimate":"0.000000500","lease_until":1795219267700000}',X'95d7efed4e44a8ddb8cee6c3f43e6a4d194f2b428ebe34c43464a93a8482c8db');
CREATE TABLE tally (
    account INTEGER PRIMARY KEY,
    seq     INTEGER NOT NULL,
    state   TEXT NOT NULL
) STRICT;
INSERT INTO tally VALUES(1,11,'{"account":"müller","seq":11,"time":1795219206300003,"head":"f1f9aadd41febf7b34b0e6aaad14299913bbaafa28ab1ed3780784093c3412a2","balance":{"granted":"1000000000.000000000500","settled":"0.000000168018","held":"0.000000000"},"open":{}}');
INSERT INTO tally VALUES(2,18,'{"account":"alice","seq":18,"time":1795219207700000,"head":"95d7efed4e44a8ddb8cee6c3f43e6a4d194f2b428ebe34c43464a93a8482c8db","balance":{"granted":"0.000000000500","settled":"0.000000210027","held":"0.001000000011"},"open":{"000SGBW2SB7RGCRRHTZ1W36N77":{"seq":18,"amount":"0.001000000011","held":"0.001000000011","estimate":"0.000000500","lease_until":1795219267700000,"tags":""}}}');
CREATE TABLE journal (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    store    INTEGER NOT NULL, -- this database's number, so that its journal is known
    epoch    INTEGER NOT NULL, -- counted up whenever weir opens it; what the journal holds of earlier ones is folded
    position INTEGER NOT NULL, -- how many entries the accounts have together
    open     INTEGER NOT NULL  -- 1 while weir has it: then the journal may hold more
) STRICT;
INSERT INTO journal VALUES(1,202433323383087086,2,29,1);
CREATE UNIQUE INDEX entry_done ON entry (op_id, account) WHERE kind NOT IN ('hold', 'extend');
CREATE VIEW ledger AS
SELECT account.name AS account, entry.seq, strftime('%Y-%m-%dT%H:%M:%fZ', entry.time / 1e6, 'unixepoch') AS time,
       entry.kind, entry.op_id, entry.amount / 1e12 AS usd, (entry.granted - entry.settled) / 1e12 AS balance_usd,
       (entry.granted - entry.settled - entry.held) / 1e12 AS available_usd, entry.detail
FROM entry JOIN account ON account.id = entry.account;
COMMIT;
