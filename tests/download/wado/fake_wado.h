#ifndef TROLLEY_TESTS_DOWNLOAD_WADO_FAKE_WADO_H_
#define TROLLEY_TESTS_DOWNLOAD_WADO_FAKE_WADO_H_

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "support/http_fake.h"
#include "trolley/references.h"

namespace trolley {

// A Part-10 file: preamble, meta group, and `data` in place of a data set.
inline std::string FakePart10(const std::string& sop_instance_uid, const std::string& data) {
  const auto element = [](char element_number, std::string value) {
    if (value.size() % 2 == 1) {
      value.push_back('\0');
    }
    const std::string head = {2, 0, element_number, 0, 'U', 'I', static_cast<char>(value.size()), 0};
    return head + value;
  };
  return std::string(128, '\0') + "DICM" + element(2, "1.2.840.10008.5.1.4.1.1.2") + element(3, sop_instance_uid) +
         element(0x10, "1.2.840.10008.1.2.1") + data;
}

struct FakePart {
  std::string bytes;
  bool length = true;  // with a Content-Length
};

inline std::string MultipartBody(const std::vector<FakePart>& parts, const std::string& boundary = "b0",
                                 bool closed = true) {
  std::string body;
  for (const FakePart& part : parts) {
    body += "\r\n--" + boundary + "\r\nContent-Type: application/dicom\r\n";
    if (part.length) {
      body += "Content-Length: " + std::to_string(part.bytes.size()) + "\r\n";
    }
    body += "\r\n" + part.bytes;
  }
  return body + (closed ? "\r\n--" + boundary + "--\r\n" : "");
}

inline const std::string kMultipartType = R"(multipart/related; type="application/dicom"; boundary=b0)";

// A WADO-RS server as it should be: instances and series, as one multipart body with a Content-Length.
class FakeWado {
 public:
  enum class Mood { kWell, kSilent, kCutting };

  explicit FakeWado(std::map<InstanceReference, std::string> content)
      : content_(std::move(content)),
        server_([this](const ReceivedRequest& request, HttpReply& reply) { Respond(request, reply); }) {}

  FakeHttpServer& server() { return server_; }
  std::string url() const { return server_.Url("/dicom-web"); }
  const std::map<InstanceReference, std::string>& content() const { return content_; }
  void SetMood(Mood mood) {
    const std::lock_guard lock(mutex_);
    mood_ = mood;
  }

  static std::string PathOf(const InstanceReference& instance) {
    return SeriesPathOf(instance) + "/instances/" + instance.instance.str();
  }
  static std::string SeriesPathOf(const InstanceReference& instance) {
    return "/dicom-web/studies/" + instance.study.str() + "/series/" + instance.series.str();
  }

  void Respond(const ReceivedRequest& request, HttpReply& reply) {
    std::vector<FakePart> parts;
    for (const auto& [instance, bytes] : content_) {
      if (request.target == PathOf(instance) || request.target == SeriesPathOf(instance)) {
        parts.push_back({bytes});
      }
    }
    if (parts.empty()) {
      reply.Respond(404, "application/json", R"({"Message":"Unknown resource"})");
      return;
    }
    const std::string body = MultipartBody(parts);
    Mood mood;
    {
      const std::lock_guard lock(mutex_);
      mood = mood_;
    }
    if (mood == Mood::kWell) {
      reply.Respond(200, kMultipartType, body);
      return;
    }
    reply.Head(200, {{"Content-Type", kMultipartType}, {"Content-Length", std::to_string(body.size())}});
    reply.Send(body.substr(0, body.size() / 2));
    mood == Mood::kSilent ? reply.Hang() : reply.Close();
  }

 private:
  const std::map<InstanceReference, std::string> content_;
  std::mutex mutex_;
  Mood mood_ = Mood::kWell;
  FakeHttpServer server_;
};

}  // namespace trolley

#endif  // TROLLEY_TESTS_DOWNLOAD_WADO_FAKE_WADO_H_
