CREATE OR REPLACE TRIGGER analytics_event_stays BEFORE DELETE OR UPDATE ON analytics_event
    FOR EACH ROW EXECUTE FUNCTION analytics_keep_event();
CREATE OR REPLACE TRIGGER analytics_events_stay BEFORE TRUNCATE ON analytics_event
    FOR EACH STATEMENT EXECUTE FUNCTION analytics_keep_events();
CREATE OR REPLACE TRIGGER analytics_events_stay BEFORE TRUNCATE ON analytics_event_default
    FOR EACH STATEMENT EXECUTE FUNCTION analytics_keep_events();
