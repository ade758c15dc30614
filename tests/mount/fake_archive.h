#ifndef TROLLEY_TESTS_MOUNT_FAKE_ARCHIVE_H_
#define TROLLEY_TESTS_MOUNT_FAKE_ARCHIVE_H_

#include <filesystem>
#include <functional>
#include <mutex>
#include <string>

#include "support/http_fake.h"

namespace trolley {

// A DICOMweb archive with one study and one series, that answers well until a test gives it another way to answer.
class FakeArchive {
 public:
  using Handler = FakeHttpServer::Handler;

  // Its listings tell of instances with `listed_rows` rows and columns; in truth they have `rows`: the default is more
  // than the kernel reads ahead at once.
  explicit FakeArchive(size_t instances = 3, size_t listed_rows = 64, uint16_t rows = 512);

  std::string Url() const { return server_.Url("/dicom-web"); }
  FakeHttpServer& server() { return server_; }

  static std::string Study() { return "1.2.3"; }
  static std::string Series() { return "1.2.3.4"; }
  std::string InstanceUid(size_t number) const { return Series() + "." + std::to_string(number); }
  std::string Directory() const { return "studies/" + Study() + "/" + Series(); }
  std::string File(size_t number) const { return Directory() + "/" + InstanceUid(number) + ".dcm"; }
  // What it stores; `number` from 1.
  std::string Bytes(size_t number) const;
  std::string Multipart(const std::string& bytes) const;

  // The right answer to a search or a retrieval.
  void Respond(const ReceivedRequest& request, HttpReply& reply) const;
  static bool IsSearch(const ReceivedRequest& request);
  // Retrievals are answered by `handler` from now on; null: well again.
  void OnRetrieve(Handler handler);
  void OnSearch(Handler handler);

 private:
  std::string SearchAnswer(const std::string& path) const;

  const size_t instances_;
  const size_t listed_rows_;
  const std::string first_;  // instance's bytes
  std::mutex mutex_;
  Handler on_retrieve_;
  Handler on_search_;
  FakeHttpServer server_;
};

}  // namespace trolley

#endif  // TROLLEY_TESTS_MOUNT_FAKE_ARCHIVE_H_
