#ifndef TROLLEY_TESTS_SUPPORT_ORTHANC_FAKE_H_
#define TROLLEY_TESTS_SUPPORT_ORTHANC_FAKE_H_

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "support/http_fake.h"
#include "trolley/references.h"

namespace trolley {

// Orthanc's own REST interface over one series of instances, whose identifiers are "a0", "a1"...; everything else is
// what `otherwise` answers.
class FakeOrthanc {
 public:
  FakeOrthanc(std::map<InstanceReference, std::string> content, FakeHttpServer::Handler otherwise)
      : content_(std::move(content)), otherwise_(std::move(otherwise)) {}

  // Answers this to targets that contain `part` (none: ""), until told otherwise.
  void Refuse(const std::string& part, int status, std::string body = "<html>no</html>") {
    const std::lock_guard lock(mutex_);
    refused_ = part;
    refusal_ = status;
    refusal_body_ = std::move(body);
  }
  // From now on identifiers are others.
  void Renumber() {
    const std::lock_guard lock(mutex_);
    prefix_ += 'a';
  }
  void Empty() {
    const std::lock_guard lock(mutex_);
    content_.clear();
  }
  // The series' instances are these, in JSON, and so many bytes.
  void Describe(const std::string& instances, uint64_t bytes) {
    const std::lock_guard lock(mutex_);
    described_ = instances;
    bytes_ = bytes;
  }

  FakeHttpServer& server() { return server_; }

 private:
  void Respond(const ReceivedRequest& request, HttpReply& reply) {
    const std::lock_guard lock(mutex_);
    if (!refused_.empty() && request.target.find(refused_) != std::string::npos) {
      reply.Respond(refusal_, "text/html", refusal_body_);
    } else if (request.target == "/system") {
      reply.Respond(200, "application/json", R"({"ApiVersion":16,"Version":"1.10.1"})");
    } else if (request.target == "/tools/find") {
      Find(request.body, reply);
    } else if (request.target == "/plugins/dicom-web") {
      reply.Respond(200, "application/json", R"({"ID":"dicom-web","Version":"1.7"})");
    } else if (request.target == "/series/b0/instances") {
      reply.Respond(200, "application/json", described_.empty() ? Described("") : described_);
    } else if (request.target == "/series/b0/statistics") {
      reply.Respond(200, "application/json",
                    StrCat(R"({"DicomUncompressedSize":")", bytes_ ? *bytes_ : Bytes(), "\"}"));
    } else if (request.target.starts_with("/instances/")) {
      SendFile(request.target, reply);
    } else {
      otherwise_(request, reply);
    }
  }

  void Find(const std::string& body, HttpReply& reply) {
    std::vector<std::string> ids;
    size_t number = 0;
    for (const auto& [instance, bytes] : content_) {
      const bool here = body.find('"' + instance.series.str() + '"') != std::string::npos &&
                        body.find('"' + instance.study.str() + '"') != std::string::npos;
      if (here && body.find("\"Series\"") != std::string::npos) {
        reply.Respond(200, "application/json",
                      body.find("\"Expand\":true") != std::string::npos ? DescribedSeries(instance) : R"(["b0"])");
        return;
      }
      if (here && body.find('"' + instance.instance.str() + '"') != std::string::npos) {
        ids.push_back(StrCat("\"", prefix_, number, "\""));
        if (body.find("\"Expand\":true") != std::string::npos) {
          reply.Respond(200, "application/json", Described(instance.instance.str()));
          return;
        }
      }
      ++number;
    }
    reply.Respond(200, "application/json", StrCat("[", Join(ids, ","), "]"));
  }

  uint64_t Bytes() const {
    uint64_t bytes = 0;
    for (const auto& [instance, content] : content_) {
      bytes += content.size();
    }
    return bytes;
  }

  std::string DescribedSeries(const InstanceReference& instance) const {
    std::vector<std::string> ids;
    for (size_t number = 0; number < content_.size(); ++number) {
      ids.push_back(StrCat("\"", prefix_, number, "\""));
    }
    return StrCat(R"([{"ID":"b0","MainDicomTags":{"SeriesInstanceUID":")", instance.series.str(), R"("},"Instances":[)",
                  Join(ids, ","), "]}]");
  }

  std::string Described(const std::string& only) const {
    std::vector<std::string> all;
    size_t number = 0;
    for (const auto& [instance, bytes] : content_) {
      if (only.empty() || only == instance.instance.str()) {
        all.push_back(StrCat(R"({"ID":")", prefix_, number, R"(","FileSize":)", bytes.size(),
                             R"(,"ParentSeries":"b0","MainDicomTags":{"InstanceNumber":")", number + 1,
                             R"(","SOPInstanceUID":")", instance.instance.str(), R"("}})"));
      }
      ++number;
    }
    return StrCat("[", Join(all, ","), "]");
  }

  void SendFile(const std::string& target, HttpReply& reply) {
    size_t number = 0;
    for (const auto& [instance, bytes] : content_) {
      if (target == StrCat("/instances/", prefix_, number++, "/file")) {
        reply.Respond(200, "application/dicom", bytes);
        return;
      }
    }
    reply.Respond(404, "application/json", "{}");
  }

  std::mutex mutex_;
  std::map<InstanceReference, std::string> content_;
  const FakeHttpServer::Handler otherwise_;
  std::string prefix_ = "a";
  std::string refused_;
  int refusal_ = 404;
  std::string refusal_body_;
  std::string described_;
  std::optional<uint64_t> bytes_;
  FakeHttpServer server_{[this](const ReceivedRequest& request, HttpReply& reply) { Respond(request, reply); }};
};

}  // namespace trolley

#endif  // TROLLEY_TESTS_SUPPORT_ORTHANC_FAKE_H_
