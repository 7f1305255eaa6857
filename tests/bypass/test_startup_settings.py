"""Settings of the startup packet that would change how SQL is read, what names mean or whose rights count.

Each row is one attempt under an exact grant; a row is never removed.
"""

import pytest

REFUSED = {
    "strings are read otherwise": {"standard_conforming_strings": "off"},
    "the same by a number": {"standard_conforming_strings": "0"},
    "the same by the start of a word": {"options": "-c standard_conforming_strings=of"},
    "the same with an empty value": {"options": "-c standard_conforming_strings="},
    "neither on nor off": {"standard_conforming_strings": " on"},
    "a quote behind a backslash": {"backslash_quote": "on"},
    "an encoding that hides a backslash": {"client_encoding": "SJIS"},
    "the same in odd spelling": {"options": "--client-encoding=Shift_J-i.s"},
    "the same in quotes": {"client_encoding": "'GBK'"},
    "no encoding": {"client_encoding": ""},
    "another schema": {"search_path": "audit"},
    "another schema behind its own": {"search_path": "public, audit"},
    "another schema in quotes": {"search_path": '"audit",public'},
    "the user's schema": {"search_path": '"$user", public'},
    "the catalogue last": {"search_path": "public, pg_catalog"},
    "temporary relations first": {"search_path": "pg_temp, public"},
    "a quote that does not end": {"search_path": '"public'},
    "a name cut at 63 bytes": {"search_path": "public" + "c" * 58},
    "a space that is none": {"search_path": "public\u00a0"},
    "capitals": {"SEARCH_PATH": "audit"},
    "in options": {"options": "-c search_path=audit"},
    "in options without a space": {"options": "-csearch_path=audit"},
    "in options, the long form": {"options": "--search-path=audit"},
    "in options, dashes and capitals": {"options": "-c SEARCH-path=audit"},
    "in options, behind a tab": {"options": "-c jit=on\t\n-c\x0bsearch_path=audit"},
    "in options, escaped": {"options": "\\-\\c \\search_path=\\a\\udit"},
    "in options, a blank in the name": {"options": "-c\\ search_path=audit"},
    "in options, a blank in the value": {"options": "-c search_path=public,\\ audit"},
    "in options, in quotes": {"options": "-c search_path='audit'"},
    "in options twice, the last one counts": {"options": "-c search_path=public -c Search_Path=audit"},
    "in options and directly": {
        "options": "-c search_path=public",
        "search_path": "audit",
    },
    "another switch": {"options": "-b search_path=audit"},
    "the switch for planner methods": {"options": "-fs"},
    "system tables": {"options": "-O"},
    "a name and nothing else": {"options": "-c search_path"},
    "row policies as errors off": {"row_security": "on"},
    "triggers and foreign keys off": {"session_replication_role": "replica"},
    "rights on large objects off": {"lo_compat_privileges": "on"},
    "system tables may be changed": {"allow_system_table_mods": "on"},
    "indexes of the catalogue off": {"ignore_system_indexes": "on"},
    "a library": {"local_preload_libraries": "evil"},
    "a library of superusers": {"session_preload_libraries": "evil"},
    "where libraries are": {"dynamic_library_path": "/tmp"},
    "another role": {"role": "postgres"},
    "no role": {"options": "-c role=none"},
    "another user": {"session_authorization": "postgres"},
    "what row policies trust": {"app.tenant": "7"},
    "the same in capitals": {"options": "-c App.Tenant=7"},
    "an empty one": {"options": "-c app.tenant="},
    "code that is read otherwise": {"plpgsql.variable_conflict": "use_column"},
    "NULL compared": {"transform_null_equals": "on"},
    "where files go": {"default_tablespace": "elsewhere"},
    "memory": {"work_mem": "1TB"},
    "the transaction": {"options": "-c transaction_read_only=off"},
    "what the target logs": {"log_statement": "none"},
    "a name that nobody knows": {"no_such_setting": "1"},
    "no name": {"options": "-c =1"},
    "a dot": {"options": "-c .=1"},
    "user once more": {"options": "-c user=postgres"},
    "database once more": {"options": "-c database=secrets"},
    "replication in options": {"options": "-c replication=database"},
    "options in options": {"options": "-c options=-csearch_path=audit"},
    "a name of the grammar": {"schema": "audit"},
    "names of the grammar": {"names": "SJIS"},
}
HARMLESS = {
    "read-write": {"options": "-c default_transaction_read_only=off"},
    "warnings of backslashes off": {"escape_string_warning": "off"},
    "just-in-time code": {"jit": "on", "options": "-c jit_above_cost=0"},
    "dates": {"DateStyle": "German, DMY"},
    "no path": {"options": "-c search_path="},
    "its own path": {"search_path": 'PUBLIC, "public"'},
    "its own path, whatever options say": {"search_path": "public", "options": "-c search_path=audit"},
    "escaped letters": {"options": "-c \\search_\\path=\\public"},
    "quoted identifiers": {"quote_all_identifiers": "on"},
    "filtered rows are errors": {"row_security": "off"},
}


@pytest.mark.parametrize("grant", ["reader", "writer", "migrator"])
@pytest.mark.parametrize("name", REFUSED)
def test_refused_at_the_door(login, name, grant):
    """What SET may not do under the grant, the startup packet may not."""
    with pytest.raises(ConnectionError, match=r"^(42501|42704|22023) "):
        login(grant, **REFUSED[name])


@pytest.mark.parametrize("name", HARMLESS)
def test_what_passes_opens_nothing(arena, login, name):
    """What the startup packet may choose leaves strings, names and rights as the gateway reads them."""
    watch = arena.watch("orders")
    before = watch.facts()
    with login("reader", **HARMLESS[name]) as frontend:
        assert frontend.parameters["standard_conforming_strings"] == "on"
        assert frontend.parameters["client_encoding"] == "UTF8"
        assert frontend.rows("show default_transaction_read_only") == [("on",)]
        assert frontend.rows("select 1 from public.customers limit 1") == [("1",)]
        for text in (
            "delete from scratch",
            "delete from public.scratch",
            "select * from public.secrets",
            r"select E'\'; delete from public.scratch; --'",
            r"select '\'; delete from public.scratch; --'",
            "set transaction_read_only = off; delete from public.scratch",
        ):
            frontend.query(text)
        assert not [each for each in frontend.query("select * from public.secrets") if each.kind == b"D"]
        assert watch.facts() == before
