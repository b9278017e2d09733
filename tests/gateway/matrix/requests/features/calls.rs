//! Tools and calls.

use super::super::super::words::tools;
use super::{Feature, NOTHING, feature, on_tools};
use serde_json::json;

pub(super) fn all() -> Vec<Feature> {
    let [chat, responses, messages, gemini] = tools();
    let call = |id: &str| json!({"id": id, "type": "function", "function": {"name": "zq_tool", "arguments": "{\"zq_field\":\"zq-argument\"}"}});
    vec![
        feature("Tools", chat, responses, messages, gemini, &["zq_tool", "zq_field"]),
        on_tools(
            "Any tool is demanded",
            [
                json!({"tool_choice": "required"}),
                json!({"tool_choice": "required"}),
                json!({"tool_choice": {"type": "any"}}),
                json!({"toolConfig": {"functionCallingConfig": {"mode": "ANY"}}}),
            ],
            &["zq_tool"],
        ),
        on_tools(
            "One tool is demanded",
            [
                json!({"tool_choice": {"type": "function", "function": {"name": "zq_tool"}}}),
                json!({"tool_choice": {"type": "function", "name": "zq_tool"}}),
                json!({"tool_choice": {"type": "tool", "name": "zq_tool"}}),
                json!({"toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["zq_tool"]}}}),
            ],
            &["zq_tool"],
        ),
        on_tools(
            "No tool may be called",
            [
                json!({"tool_choice": "none"}),
                json!({"tool_choice": "none"}),
                json!({"tool_choice": {"type": "none"}}),
                json!({"toolConfig": {"functionCallingConfig": {"mode": "NONE"}}}),
            ],
            &[],
        ),
        on_tools(
            "One call at a time",
            [
                json!({"parallel_tool_calls": false}),
                json!({"parallel_tool_calls": false}),
                json!({"tool_choice": {"type": "auto", "disable_parallel_tool_use": true}}),
                NOTHING,
            ],
            &["zq_tool"],
        ),
        on_tools(
            "Two calls and their results",
            [
                json!({"messages": [{"role": "user", "content": "x"},
                    {"role": "assistant", "content": null, "tool_calls": [call("call_1"), call("call_2")]},
                    {"role": "tool", "tool_call_id": "call_1", "content": "zq-result-1"},
                    {"role": "tool", "tool_call_id": "call_2", "content": "zq-result-2"}]}),
                json!({"input": [{"role": "user", "content": "x"},
                    {"type": "function_call", "call_id": "call_1", "name": "zq_tool", "arguments": "{\"zq_field\":\"zq-argument\"}"},
                    {"type": "function_call", "call_id": "call_2", "name": "zq_tool", "arguments": "{\"zq_field\":\"zq-argument\"}"},
                    {"type": "function_call_output", "call_id": "call_1", "output": "zq-result-1"},
                    {"type": "function_call_output", "call_id": "call_2", "output": "zq-result-2"}]}),
                json!({"messages": [{"role": "user", "content": "x"},
                    {"role": "assistant", "content": [
                        {"type": "tool_use", "id": "toolu_1", "name": "zq_tool", "input": {"zq_field": "zq-argument"}},
                        {"type": "tool_use", "id": "toolu_2", "name": "zq_tool", "input": {"zq_field": "zq-argument"}}]},
                    {"role": "user", "content": [
                        {"type": "tool_result", "tool_use_id": "toolu_1", "content": "zq-result-1"},
                        {"type": "tool_result", "tool_use_id": "toolu_2", "content": "zq-result-2"}]}]}),
                json!({"contents": [{"role": "user", "parts": [{"text": "x"}]},
                    {"role": "model", "parts": [
                        {"functionCall": {"id": "1", "name": "zq_tool", "args": {"zq_field": "zq-argument"}}},
                        {"functionCall": {"id": "2", "name": "zq_tool", "args": {"zq_field": "zq-argument"}}}]},
                    {"role": "user", "parts": [
                        {"functionResponse": {"id": "1", "name": "zq_tool", "response": {"result": "zq-result-1"}}},
                        {"functionResponse": {"id": "2", "name": "zq_tool", "response": {"result": "zq-result-2"}}}]}]}),
            ],
            &["zq-argument", "zq-result-1", "zq-result-2"],
        ),
        feature(
            "A tool that takes any text",
            json!({"tools": [{"type": "custom", "custom": {"name": "zq_custom", "description": "d"}}]}),
            json!({"tools": [{"type": "custom", "name": "zq_custom", "description": "d"}]}),
            NOTHING,
            NOTHING,
            &["zq_custom"],
        ),
        feature(
            "The provider's own web search",
            json!({"web_search_options": {}}),
            json!({"tools": [{"type": "web_search"}]}),
            json!({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}),
            json!({"tools": [{"googleSearch": {}}]}),
            &[],
        ),
    ]
}
