// Archives that speak DICOM itself: mounts over C-FIND and C-GET or C-MOVE. The protocol carries no File Meta
// Information, so that files are compared from the data set on.

#include "base/text.h"
#include "dicom/file_meta.h"
#include "mount/archive_fixture.h"
#include "support/dcmqrscp.h"

namespace trolley {
namespace {

FileMeta MetaOf(const std::string& file) {
  return PeekFileMeta(std::as_bytes(std::span(file))).meta.value();
}

std::string DataSetOf(const std::string& file) {
  const auto length = static_cast<unsigned char>(file.at(140)) + 256U * static_cast<unsigned char>(file.at(141));
  return file.substr(144 + length);
}

class DimseMountTest : public MountedArchiveTest {
 protected:
  void MountOver(int port, const std::string& title, const std::string& downloader) {
    const auto config =
        out_.Write("config.toml",
                   StrCat("[archive.test]\nbrowse = \"all\"\nsearcher = { type = \"dicom-qr\", host = \"127.0.0.1\", "
                          "port = ",
                          port, ", aec = \"", title, "\" }\ndownloader = ", downloader, "\n"));
    mount_.reset();
    mount_ = std::make_unique<Mounted>("test", cache_.path(), std::vector<std::string>{"--config", config.string()});
  }
  void MountOrthanc(const std::string& downloader) { MountOver(archive().orthanc.dicom_port(), "ORTHANC", downloader); }

  // Every file has the transfer syntax and, byte for byte, the data set that the archive stores.
  void ExpectSeries(const StoredSeries& series) const {
    for (size_t i = 1; i <= series.files.size(); ++i) {
      const std::string stored = ReadFile(series.files[i - 1]);
      const std::string seen = ReadFile(At(series.File(i)));
      ASSERT_GT(seen.size(), 132U) << series.File(i);
      EXPECT_EQ(MetaOf(seen).transfer_syntax_uid, MetaOf(stored).transfer_syntax_uid) << series.File(i);
      EXPECT_EQ(MetaOf(seen).sop_class_uid, MetaOf(stored).sop_class_uid);
      EXPECT_EQ(MetaOf(seen).sop_instance_uid.str(), series.InstanceUid(i));
      EXPECT_TRUE(DataSetOf(seen) == DataSetOf(stored)) << series.File(i);
    }
  }
};

TEST_F(DimseMountTest, ShowsAnOrthancOverCFindAndCGet) {
  MountOrthanc("{ type = \"c-get\" }");
  for (const StoredSeries* series : {&data().ct, &data().jpeg, &data().rle, &data().report, &data().multiframe}) {
    ExpectSeries(*series);
  }
}

TEST_F(DimseMountTest, ListsSizesOfWhatWasNotFetchedAndCopiesWhole) {
  MountOrthanc("{ type = \"c-get\" }");
  const std::string directory = data().jpeg.Directory();
  EXPECT_EQ(Shell("find " + directory + " -type f -size 0").out, "");
  EXPECT_TRUE(Succeeded(Shell("cp -r " + directory + " $OUT/copy")));
  // The copy is as long as the files are by now, when their sizes are exact.
  EXPECT_EQ(Shell("cd " + directory + " && for f in *; do cmp $f $OUT/copy/$f || echo differs; done").out, "");
  EXPECT_EQ(Shell("ls " + directory + " | wc -l").out, "3\n");
}

TEST_F(DimseMountTest, ShowsAnOrthancOverCFindAndCMove) {
  MountOrthanc(StrCat("{ type = \"c-move\", move_aet = \"", TestArchive::kMoveTitle,
                      "\", move_port = ", archive().move_port, " }"));
  for (const StoredSeries* series : {&data().jpeg, &data().rle, &data().report, &data().multiframe}) {
    ExpectSeries(*series);
  }
}

TEST_F(DimseMountTest, ShowsADcmqrscpOverCFindAndCGet) {
  std::vector<std::filesystem::path> files;
  for (const StoredSeries* series : {&data().rle, &data().report, &data().multiframe}) {
    files.insert(files.end(), series->files.begin(), series->files.end());
  }
  const Dcmqrscp server(files, {.arguments = {"+xr"}});  // it takes RLE, but does not choose it by itself
  MountOver(server.port(), Dcmqrscp::kAeTitle, "{ type = \"c-get\" }");
  for (const StoredSeries* series : {&data().rle, &data().report, &data().multiframe}) {
    ExpectSeries(*series);
  }
}

TEST_F(DimseMountTest, SaysWhenTheArchiveRefusesTheCalledTitle) {
  const Dcmqrscp server(data().report.files);
  try {
    MountOver(server.port(), "WRONG", "{ type = \"c-get\" }");
    FAIL() << "it was mounted";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("the called AE title WRONG is not recognised"));
  }
}

}  // namespace
}  // namespace trolley
