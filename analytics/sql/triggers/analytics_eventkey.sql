CREATE OR REPLACE TRIGGER analytics_eventkeys_stay BEFORE DELETE OR UPDATE OR TRUNCATE ON analytics_eventkey
    FOR EACH STATEMENT EXECUTE FUNCTION analytics_keep_keys();
