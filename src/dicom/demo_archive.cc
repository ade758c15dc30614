// The demo archive of synthetic.h.
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <functional>
#include <map>
#include <system_error>

#include "base/text.h"
#include "base/unique_fd.h"
#include "dicom/synthetic.h"
#include "trolley/error.h"

namespace trolley {
namespace {

namespace fs = std::filesystem;

// Written last: says that the archive is whole, and what belongs to it ("size path" a line). The first line changes
// whenever the archive's content does.
constexpr std::string_view kManifest = ".trolleyfs-demo";
constexpr std::string_view kVersion = "trolleyfs demo archive 1";
constexpr std::string_view kStaging = ".trolleyfs-demo-staging";
constexpr std::string_view kRoot = "1.2.826.0.1.3680043.8.498.4711.";

[[noreturn]] void FailToMake(const fs::path& directory, std::string_view why) {
  throw Error(ErrorCode::kStorage, StrCat("Cannot make the demo archive in ", directory.string(), ": ", why));
}

using Compression = SyntheticInstances::Compression;

struct DemoSeries {
  SyntheticInstances spec;
  std::string place;  // relative path; "*" stands for the instance's number
};

SyntheticInstances Study(int number, std::string name, std::string id, std::string charset, std::string date,
                         std::string description) {
  SyntheticInstances spec;
  spec.patient_name = std::move(name);
  spec.patient_id = std::move(id);
  spec.charset = std::move(charset);
  spec.study_uid = StrCat(kRoot, number);
  spec.study_date = std::move(date);
  spec.study_description = std::move(description);
  spec.accession_number = StrCat("ACC", number);
  return spec;
}

DemoSeries Series(SyntheticInstances spec, int number, std::string modality, std::string description, int instances,
                  std::string place, Compression compression = Compression::kNone) {
  spec.series_number = number;
  spec.series_uid = StrCat(spec.study_uid, '.', number);
  spec.modality = std::move(modality);
  spec.series_description = std::move(description);
  spec.instances = instances;
  spec.rows = spec.columns = 128;
  spec.compression = compression;
  return {std::move(spec), std::move(place)};
}

std::vector<DemoSeries> Content() {
  const auto jane = Study(1, "Doe^Jane^^Dr.", "DEMO1", "", "20200301", "Chest");
  const auto jane_later = Study(2, "Doe^Jane^^Dr.", "DEMO1", "", "20210615", "Chest, follow-up");
  const auto juergen = Study(3, "Müller^Jürgen", "DEMO2", "ISO_IR 100", "20200302", "Schädel");
  const auto tarou =
      Study(4, "Yamada^Tarou=山田^太郎=やまだ^たろう", "DEMO3", "\\ISO 2022 IR 87", "20200303", "Abdomen 腹部");
  const auto ann = Study(5, "O'Neil/Smith^Ann", "DEMO/4", "", "20200304", "Knee L/R");
  const auto zofia = Study(6, "Łukasiewicz^Zofia", "DEMO5", "ISO_IR 192", "20200305", "Brzuch");

  std::vector<DemoSeries> content;
  content.push_back(Series(jane, 1, "CT", "Scout", 1, "inbox/a01"));
  content.push_back(Series(jane, 2, "CT", "AX 1.0 B30f", 24, "inbox/IM*"));
  content.push_back(Series(jane, 3, "SR", "Report", 1, "reports/jane.dcm"));
  content.push_back(Series(jane_later, 1, "CT", "AX 1.0 B30f", 24, "usb stick/DICOM/S1/*.dcm"));
  content.push_back(Series(juergen, 1, "MR", "T1 axial", 20, "inbox/MR*.dcm"));
  content.push_back(Series(juergen, 2, "MR", "T2 axial", 20, "inbox/MR2*.dcm", Compression::kRle));
  content.push_back(Series(tarou, 1, "US", "Cine", 1, "usb stick/US/cine"));
  content.back().spec.frames = 40;
  content.push_back(Series(tarou, 2, "US", "Stills", 4, "usb stick/US/*", Compression::kJpegBaseline));
  content.push_back(Series(ann, 1, "MR", "PD w/ fat sat.", 12, "a/deeply/nested/folder/of/images/*"));
  content.push_back(Series(ann, 2, "CT", "Bone 0.6/H", 12, "2020/*.ima", Compression::kJpegLossless));
  content.push_back(Series(zofia, 1, "CT", "Jama brzuszna", 10, "2020/zofia*.dcm"));
  return content;
}

const std::map<std::string, std::string>& OtherFiles() {
  static const std::map<std::string, std::string> files = {
      {"README.txt", "These images are made up. No patient is shown.\n"},
      {"usb stick/autorun.inf", "[autorun]\nopen=viewer.exe\n"},
      {"inbox/empty", ""},
      {"inbox/a01.jpg", "\xff\xd8\xff\xe0 not really a picture\n"},
  };
  return files;
}

// Whether everything that the manifest lists is there.
bool IsComplete(const fs::path& directory) {
  std::ifstream manifest(directory / kManifest);
  std::string line;
  if (!std::getline(manifest, line) || line != kVersion) {
    return false;
  }
  bool ended = false;
  while (std::getline(manifest, line)) {
    if (line == "end") {
      ended = true;
      break;
    }
    const size_t blank = line.find(' ');
    const std::optional<uint64_t> size = ParseUint(std::string_view(line).substr(0, std::min(blank, line.size())));
    std::error_code error;
    if (!size || blank == std::string::npos || fs::file_size(directory / line.substr(blank + 1), error) != *size ||
        error) {
      return false;
    }
  }
  return ended;
}

class Maker {
 public:
  explicit Maker(const fs::path& directory) : directory_(directory), staging_(directory / kStaging) {}

  void Make() {
    fs::remove_all(staging_);  // what an interrupted run left
    fs::remove(directory_ / kManifest);
    manifest_ = StrCat(kVersion, '\n');
    for (const DemoSeries& series : Content()) {
      MakeSeries(series);
    }
    for (const auto& [place, text] : OtherFiles()) {
      WriteText(text);
      Settle(staging_ / "file", place);
    }
    manifest_ += "end\n";
    WriteText(manifest_);
    fs::rename(staging_ / "file", directory_ / kManifest);
    fs::remove_all(staging_);
  }

 private:
  void MakeSeries(const DemoSeries& series) {
    int number = 0;
    for (const fs::path& file : WriteSyntheticSeries(series.spec, staging_)) {
      ++number;
      std::string place = series.place;
      if (const size_t star = place.find('*'); star != std::string::npos) {
        place.replace(star, 1, StrCat(number < 10 ? "0" : "", number));
      }
      Settle(file, place);
    }
  }

  void WriteText(const std::string& text) {
    std::ofstream out(staging_ / "file", std::ios::binary);
    out << text;
    out.close();
    if (!out) {
      FailToMake(directory_, "a file cannot be written");
    }
  }

  // Renamed into place, so that no reader sees half a file.
  void Settle(const fs::path& file, const std::string& place) {
    const fs::path target = directory_ / place;
    manifest_ += StrCat(fs::file_size(file), ' ', place, '\n');
    fs::create_directories(target.parent_path());
    fs::rename(file, target);
  }

  const fs::path directory_;
  const fs::path staging_;
  std::string manifest_;
};

}  // namespace

void MakeDemoArchive(const fs::path& directory) {
  try {
    fs::create_directories(directory);
    if (IsComplete(directory)) {
      return;
    }
    const UniqueFd lock(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!lock || ::flock(lock.get(), LOCK_EX) != 0) {
      FailToMake(directory, std::strerror(errno));
    }
    if (!IsComplete(directory)) {  // another process may have made it meanwhile
      Maker(directory).Make();
    }
  } catch (const fs::filesystem_error& error) {
    FailToMake(directory, error.code().message());
  }
}

}  // namespace trolley
