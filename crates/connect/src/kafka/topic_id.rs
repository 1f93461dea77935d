//! By which id the brokers know a topic. A topic that was deleted and made again has another one, and nothing
//! else tells them apart. The safe interface of rdkafka has no such question; librdkafka's own has.

use std::ffi::{CStr, CString};
use std::ptr;
use std::time::Duration;

use millstream_record::TopicIds;
use rdkafka::bindings as native;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaRespErr;

use super::health::Health;

/// The ids of these topics, as text; those are left out that do not exist, or of which the brokers tell no id
/// (before Kafka 2.8, or without the right to describe them). Waits at most `wait`.
pub fn topic_ids(consumer: &BaseConsumer<Health>, topics: &[&str], wait: Duration) -> Result<TopicIds, KafkaError> {
    let names: Vec<CString> = topics.iter().filter_map(|topic| CString::new(*topic).ok()).collect();
    if names.is_empty() {
        return Ok(TopicIds::new());
    }
    let mut names: Vec<_> = names.iter().map(|name| name.as_ptr()).collect();
    let millis = i32::try_from(wait.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: the client lives as long as `consumer`, which is borrowed; the names live until the end of this
    // function and are copied by the collection. What is made here is destroyed here, once; librdkafka keeps
    // a reference of its own to the queue while the question is under way. The event is ours, and what is
    // read from it is copied before it is destroyed.
    unsafe {
        let client = consumer.client().native_ptr();
        let collection = native::rd_kafka_TopicCollection_of_topic_names(names.as_mut_ptr(), names.len());
        let kind = native::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS;
        let options = native::rd_kafka_AdminOptions_new(client, kind);
        // A time that librdkafka does not take leaves its own; the poll below ends in time all the same.
        native::rd_kafka_AdminOptions_set_request_timeout(options, millis, ptr::null_mut(), 0);
        let queue = native::rd_kafka_queue_new(client);
        native::rd_kafka_DescribeTopics(client, collection, options, queue);
        let event = native::rd_kafka_queue_poll(queue, millis);
        let answer = read(event);
        if !event.is_null() {
            native::rd_kafka_event_destroy(event);
        }
        native::rd_kafka_queue_destroy(queue);
        native::rd_kafka_AdminOptions_destroy(options);
        native::rd_kafka_TopicCollection_destroy(collection);
        answer
    }
}

/// # Safety
/// `event` is null or a live event.
unsafe fn read(event: *mut native::rd_kafka_event_t) -> Result<TopicIds, KafkaError> {
    let late = RDKafkaRespErr::RD_KAFKA_RESP_ERR__TIMED_OUT;
    if event.is_null() {
        return Err(KafkaError::MetadataFetch(late.into()));
    }
    let mut ids = TopicIds::new();
    // SAFETY: the event is alive, and so are the result and the descriptions in it; `count` of them stand in
    // a row. Names and ids end in a zero byte, and an id is freed with its event.
    unsafe {
        let error = native::rd_kafka_event_error(event);
        if error != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
            return Err(KafkaError::MetadataFetch(error.into()));
        }
        let result = native::rd_kafka_event_DescribeTopics_result(event);
        if result.is_null() {
            return Err(KafkaError::MetadataFetch(late.into()));
        }
        let mut count = 0;
        let found = native::rd_kafka_DescribeTopics_result_topics(result, &mut count);
        for index in 0..count {
            let topic = *found.add(index);
            let error = native::rd_kafka_error_code(native::rd_kafka_TopicDescription_error(topic));
            let id = native::rd_kafka_TopicDescription_topic_id(topic);
            if error != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR || id.is_null() {
                continue;
            }
            let most = native::rd_kafka_Uuid_most_significant_bits(id);
            let least = native::rd_kafka_Uuid_least_significant_bits(id);
            // An old broker knows no ids, which librdkafka tells as zero.
            let text = native::rd_kafka_Uuid_base64str(id);
            if (most, least) != (0, 0) && !text.is_null() {
                let name = CStr::from_ptr(native::rd_kafka_TopicDescription_name(topic));
                let text = CStr::from_ptr(text).to_string_lossy();
                ids.insert(name.to_string_lossy().into(), text.into());
            }
        }
    }
    Ok(ids)
}
