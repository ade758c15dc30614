// Mounts over what is fetched by WADO-URI, Orthanc's own REST interface, and metadata alone.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "support/mounted.h"
#include "support/orthanc_content.h"
#include "support/process.h"
#include "support/proxy.h"
#include "support/temp_directory.h"
#include "trolley/file_header.h"
#include "trolley/references.h"

namespace trolley {
namespace {

class HttpArchiveTest : public testing::Test {
 protected:
  // An archive at Orthanc; `downloader` and what follows it are of its table.
  void Mount(const std::string& downloader) {
    const std::filesystem::path config = directory_ / "config.toml";
    std::ofstream(config) << "[archive.here]\nbrowse = \"all\"\nsearcher = { type = \"qido-rs\", url = \""
                          << proxy_.Url("/dicom-web") << "\" }\ndownloader = " << downloader << "\n";
    mount_ =
        std::make_unique<Mounted>("here", directory_ / "cache", std::vector<std::string>{"--config", config.string()});
  }
  std::string Wado(const std::string& type, const std::string& path) {
    return "{ type = \"" + type + "\", url = \"" + proxy_.Url(path) + "\" }";
  }
  std::filesystem::path At(const InstanceReference& instance) const {
    return mount_->path() / "studies" / instance.study.str() / instance.series.str() /
           (instance.instance.str() + ".dcm");
  }
  // Everything at once, as users copy.
  void ExpectStoredBytes() {
    RunOptions options;
    options.directory = mount_->path();
    const RunResult sums =
        RunShell("find studies -type f -print0 | xargs -0 sha256sum | cut -d' ' -f1 | sort", options);
    size_t number = 0;
    for (const auto& [instance, bytes] : content_.instances()) {
      std::filesystem::create_directories(directory_ / "files");
      std::ofstream(directory_ / "files" / std::to_string(number++), std::ios::binary) << bytes;
    }
    options.directory = directory_ / "files";
    const RunResult stored = RunShell("sha256sum * | cut -d' ' -f1 | sort", options);
    EXPECT_EQ(sums.exit_code, 0) << sums.err;
    EXPECT_EQ(sums.out, stored.out);
  }
  static std::string SizeKind(const std::filesystem::path& file) {
    char value[64];
    const ssize_t length = getxattr(file.c_str(), "user.trolleyfs.size", value, sizeof value);
    return length < 0 ? "" : std::string(value, static_cast<size_t>(length));
  }

  OrthancContent& content_ = OrthancContent::Shared();
  CountingProxy proxy_{content_.orthanc().http_port()};
  TempDirectory directory_;
  std::unique_ptr<Mounted> mount_;
};

TEST_F(HttpArchiveTest, WadoUriGivesTheStoredBytesOfEverything) {
  Mount(Wado("wado-uri", "/wado"));
  ExpectStoredBytes();
  EXPECT_EQ(proxy_.CountRequests("/wado?"), content_.instances().size());
  EXPECT_TRUE(mount_->Unmount()) << mount_->process().Err();
}

TEST_F(HttpArchiveTest, OrthancsOwnInterfaceGivesTheStoredBytesOfEverything) {
  Mount(Wado("wado-rs", "/dicom-web") + "\nprofile = \"orthanc\"");
  ExpectStoredBytes();
  EXPECT_GE(proxy_.CountRequests("/file"), 1u);
  EXPECT_TRUE(mount_->Unmount()) << mount_->process().Err();
}

TEST_F(HttpArchiveTest, SizesAreExactBeforeAnythingIsFetched) {
  Mount(Wado("wado-rs", "/dicom-web") + "\nprofile = \"orthanc\"");
  const std::vector<InstanceReference> series = content_.Series("2", 2);
  RunOptions options;
  options.directory = At(series.front()).parent_path();
  const RunResult ls = RunShell("ls -l | wc -l", options);
  EXPECT_EQ(std::stoul(ls.out), series.size() + 1);
  for (const InstanceReference& instance : series) {
    EXPECT_EQ(std::filesystem::file_size(At(instance)), content_.instances().at(instance).size());
    EXPECT_EQ(SizeKind(At(instance)), "exact");
  }
  EXPECT_EQ(proxy_.CountRequests("/file") + proxy_.CountRequests("/instances/"), 0u);
  EXPECT_EQ(proxy_.CountRequests("/tools/find"), 1u);
  // One that nobody listed.
  const InstanceReference alone = OrthancContent::Ref("4", 1, 1);
  EXPECT_EQ(std::filesystem::file_size(At(alone)), content_.instances().at(alone).size());
  EXPECT_EQ(SizeKind(At(alone)), "exact");
  EXPECT_EQ(proxy_.CountRequests("/file"), 0u);
}

// As it is when nobody says what the archive is.
TEST_F(HttpArchiveTest, OrthancIsRecognised) {
  Mount(Wado("wado-rs", "/dicom-web"));
  const std::vector<InstanceReference> series = content_.Series("2", 2);
  const std::filesystem::path directory = At(series.front()).parent_path();
  RunOptions options;
  options.directory = directory;
  const RunResult names = RunShell("ls | sha256sum", options);
  EXPECT_EQ(proxy_.CountRequests("/dicom-web/studies/" + series.front().study.str() + "/series/" +
                                 series.front().series.str() + "/instances"),
            0u);
  EXPECT_EQ(proxy_.CountRequests("/system"), 1u);
  for (const InstanceReference& instance : series) {
    EXPECT_EQ(std::filesystem::file_size(At(instance)), content_.instances().at(instance).size());
  }
  ExpectStoredBytes();
  EXPECT_TRUE(mount_->Unmount()) << mount_->process().Err();
  // The names are those that DICOMweb gives.
  std::filesystem::remove_all(directory_ / "cache");
  Mount(Wado("wado-rs", "/dicom-web") + "\nprofile = \"generic\"");
  options.directory = At(series.front()).parent_path();
  EXPECT_EQ(RunShell("ls | sha256sum", options).out, names.out);
  EXPECT_EQ(proxy_.CountRequests("/system"), 1u);
}

TEST_F(HttpArchiveTest, MetadataAreFilesWithoutPixels) {
  Mount(Wado("wado-rs-metadata", "/dicom-web"));
  for (const InstanceReference& instance : {OrthancContent::Ref("3", 1, 1), OrthancContent::Ref("4", 1, 1)}) {
    const auto header = ReadFileHeader(At(instance));
    ASSERT_TRUE(header);
    EXPECT_EQ(header->attributes.Get(tag::kSOPInstanceUID), instance.instance.str());
    EXPECT_LT(std::filesystem::file_size(At(instance)), content_.instances().at(instance).size());
    const RunResult dump = RunProgram({"dcmdump", "--quiet", At(instance).string()});
    EXPECT_EQ(dump.exit_code, 0) << dump.err;
    EXPECT_THAT(dump.out, testing::Not(testing::HasSubstr("PixelData")));
  }
  EXPECT_TRUE(mount_->Unmount()) << mount_->process().Err();
}

}  // namespace
}  // namespace trolley
