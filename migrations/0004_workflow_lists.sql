-- Collections by the workflows that their steps name: only the names are indexed, not the whole instruction set.
CREATE INDEX collection_by_workflow ON collection USING gin (jsonb_path_query_array(data, '$.steps[*].nodeName'));

-- Custom nodes in the order in which they are installed; those without a place come last.
CREATE INDEX custom_node_in_order ON custom_node (install_order, name);
