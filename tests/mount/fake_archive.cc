#include "mount/fake_archive.h"

#include "dicom/synthetic.h"
#include "support/temp_directory.h"

namespace trolley {
namespace {

std::string Element(const std::string& tag, const std::string& vr, const std::string& value) {
  return "\"" + tag + "\":{\"vr\":\"" + vr + "\",\"Value\":[" + value + "]}";
}

std::string Text(const std::string& tag, const std::string& vr, const std::string& value) {
  return Element(tag, vr, "\"" + value + "\"");
}

std::string MakeInstance(uint16_t rows) {
  const TempDirectory directory;
  SyntheticInstances spec;
  spec.study_uid = FakeArchive::Study();
  spec.series_uid = FakeArchive::Series();
  spec.rows = spec.columns = rows;
  return ReadFile(WriteSyntheticSeries(spec, directory.path()).front());
}

}  // namespace

FakeArchive::FakeArchive(size_t instances, size_t listed_rows, uint16_t rows)
    : instances_(instances),
      listed_rows_(listed_rows),
      first_(MakeInstance(rows)),
      server_([this](const ReceivedRequest& request, HttpReply& reply) {
        Handler handler;
        {
          const std::lock_guard lock(mutex_);
          handler = IsSearch(request) ? on_search_ : on_retrieve_;
        }
        if (handler) {
          handler(request, reply);
        } else {
          Respond(request, reply);
        }
      }) {}

void FakeArchive::OnRetrieve(Handler handler) {
  const std::lock_guard lock(mutex_);
  on_retrieve_ = std::move(handler);
}

void FakeArchive::OnSearch(Handler handler) {
  const std::lock_guard lock(mutex_);
  on_search_ = std::move(handler);
}

bool FakeArchive::IsSearch(const ReceivedRequest& request) {
  const std::string path = request.target.substr(0, request.target.find('?'));
  return path.ends_with("/studies") || path.ends_with("/series") || path.ends_with("/instances");
}

std::string FakeArchive::Bytes(size_t number) const {
  // The SOPInstanceUID of the first ends in ".1" and stands in the meta group and in the data set; UIDs are padded with
  // NUL.
  std::string bytes = first_;
  const std::string old_uid = InstanceUid(1);
  std::string new_uid = InstanceUid(number);
  new_uid.resize(old_uid.size() + old_uid.size() % 2, '\0');
  for (size_t at = bytes.find(old_uid); at != std::string::npos; at = bytes.find(old_uid, at + 1)) {
    bytes.replace(at, new_uid.size(), new_uid);
  }
  return bytes;
}

std::string FakeArchive::Multipart(const std::string& bytes) const {
  return "--b\r\nContent-Type: application/dicom\r\nContent-Length: " + std::to_string(bytes.size()) + "\r\n\r\n" +
         bytes + "\r\n--b--\r\n";
}

std::string FakeArchive::SearchAnswer(const std::string& path) const {
  const std::string study = Text("0020000D", "UI", Study()) + "," + Text("00080020", "DA", "20200301") + "," +
                            Text("00080030", "TM", "101112") + "," + Text("00080061", "CS", "CT") + "," +
                            Text("00081030", "LO", "Fake") + "," + Text("00100020", "LO", "F1") + "," +
                            Element("00100010", "PN", "{\"Alphabetic\":\"Fake^Patient\"}");
  if (path.ends_with("/studies")) {
    return "[{" + study + "}]";
  }
  const std::string series = study + "," + Text("0020000E", "UI", Series()) + "," + Text("00080060", "CS", "CT") + "," +
                             Element("00200011", "IS", "1");
  if (path.ends_with("/series")) {
    return "[{" + series + "}]";
  }
  std::string rows;
  for (size_t number = 1; number <= instances_; ++number) {
    rows += (rows.empty() ? "{" : ",{") + series + "," + Text("00080018", "UI", InstanceUid(number)) + "," +
            Element("00200013", "IS", std::to_string(number)) + "," +
            Element("00280010", "US", std::to_string(listed_rows_)) + "," +
            Element("00280011", "US", std::to_string(listed_rows_)) + "," + Element("00280100", "US", "16") + "}";
  }
  return "[" + rows + "]";
}

void FakeArchive::Respond(const ReceivedRequest& request, HttpReply& reply) const {
  const std::string path = request.target.substr(0, request.target.find('?'));
  if (IsSearch(request)) {
    // Every question has the same answer; what contradicts it is left out by the searcher.
    reply.Respond(200, "application/dicom+json", SearchAnswer(path));
    return;
  }
  for (size_t number = 1; number <= instances_; ++number) {
    if (path.ends_with("/instances/" + InstanceUid(number))) {
      reply.Respond(200, "multipart/related; type=\"application/dicom\"; boundary=b", Multipart(Bytes(number)));
      return;
    }
  }
  reply.Respond(404, "application/json", "{}");
}

}  // namespace trolley
