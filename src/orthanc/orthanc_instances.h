#ifndef TROLLEY_ORTHANC_ORTHANC_INSTANCES_H_
#define TROLLEY_ORTHANC_ORTHANC_INSTANCES_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/json_stream.h"
#include "trolley/http_client.h"
#include "trolley/uid.h"

namespace trolley {

// An instance as Orthanc's REST interface describes it.
struct OrthancInstance {
  std::string id;
  std::string series_id;  // empty: not given
  std::optional<Uid> uid;
  std::optional<uint64_t> size;  // of the stored file
  std::string number;            // InstanceNumber; empty: none
};

// Reads a list of them, {"ID": ..., "FileSize": ..., "MainDicomTags": {"SOPInstanceUID": ...}}, piece by piece. Throws
// kProtocol for anything else than a list of objects; an object may lack any member.
class OrthancInstanceReader : private JsonEvents {
 public:
  explicit OrthancInstanceReader(std::function<void(OrthancInstance)> each) : each_(std::move(each)) {}
  void Read(std::string_view piece) { stream_.Read(piece); }
  void Finish() { stream_.Finish(); }

 private:
  void OnNull() override { RequireInside(); }
  void OnBoolean(bool) override { RequireInside(); }
  void OnNumber(std::string_view literal) override;
  void OnString(std::string_view text) override;
  void OnKey(std::string_view name) override;
  void OnBeginObject() override;
  void OnEndObject() override;
  void OnBeginArray() override;
  void OnEndArray() override { --depth_; }
  void RequireInside() const;

  const std::function<void(OrthancInstance)> each_;
  JsonStream stream_{*this};
  size_t depth_ = 0;
  std::string member_;  // of the instance
  std::string tag_;     // of its MainDicomTags
  OrthancInstance instance_;
};

// Reads such a list from a response with status 200; keeps the beginning of the text of any other response.
class OrthancInstanceSink : public HttpSink {
 public:
  OrthancInstanceSink(std::function<void(OrthancInstance)> each, uint64_t max_body)
      : reader_(std::move(each)), max_body_(max_body) {}

  void OnHead(const HttpHead& head) override { status_ = head.status; }
  void OnBody(std::span<const std::byte> piece) override;
  // After a complete response with status 200.
  void Finish() { reader_.Finish(); }
  const std::string& text() const { return text_; }

 private:
  OrthancInstanceReader reader_;
  const uint64_t max_body_;
  int status_ = 0;
  uint64_t received_ = 0;
  std::string text_;
};

}  // namespace trolley

#endif  // TROLLEY_ORTHANC_ORTHANC_INSTANCES_H_
