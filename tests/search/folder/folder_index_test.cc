#include "search/folder/folder_index.h"

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <random>

#include "base/text.h"
#include "search/folder/folder_find.h"

namespace trolley {
namespace {

const Tag kTags[] = {tag::kModality, tag::kInstanceNumber, tag::kRows, tag::kPatientName, tag::kSeriesDescription};

IndexedFile File(int study, int series, int instance) {
  const std::string study_uid = StrCat("1.", study);
  const std::string series_uid = StrCat(study_uid, ".", series);
  return {100,
          1,
          1,
          true,
          {{tag::kStudyInstanceUID, study_uid},
           {tag::kSeriesInstanceUID, series_uid},
           {tag::kSOPInstanceUID, StrCat(series_uid, ".", instance)}}};
}

// Whatever comes and goes, every file keeps exactly its attributes, though most are kept once for the series.
TEST(FolderIndexTest, KeepsEachFilesAttributes) {
  std::mt19937 random(1);
  FolderIndex index;
  std::map<std::string, IndexedFile> expected;
  for (int round = 0; round < 3000; ++round) {
    const std::string path = StrCat("f", random() % 40);
    if (random() % 4 == 0) {
      index.Remove(path);
      expected.erase(path);
    } else {
      IndexedFile file =
          File(static_cast<int>(random() % 2), static_cast<int>(random() % 2), static_cast<int>(random() % 8));
      for (const Tag tag : kTags) {
        if (random() % 8 != 0) {
          file.attributes.Set(tag, random() % 16 == 0 ? StrCat(random() % 3) : "usual");
        }
      }
      index.Put(path, file);
      expected[path] = std::move(file);
    }
    size_t files = 0;
    for (const auto& [study_uid, study] : index.studies()) {
      for (const auto& [series_uid, series] : study) {
        for (const auto& [uid, instance] : series.instances) {
          for (const FolderFile* file : instance.files) {
            Attributes whole = file->own;
            whole.MergeMissing(series.common);
            ASSERT_EQ(whole, expected.at(*file->path).attributes);
            ++files;
          }
          ASSERT_TRUE(std::is_sorted(instance.files.begin(), instance.files.end(),
                                     [](auto* a, auto* b) { return *a->path < *b->path; }));
        }
      }
    }
    ASSERT_EQ(files, expected.size());
  }
}

TEST(FolderIndexTest, CountsRepeatedInstances) {
  FolderIndex index;
  index.Put("a", File(1, 1, 1));
  index.Put("b", File(1, 1, 1));
  index.Put("c", File(1, 1, 2));
  EXPECT_EQ(index.repeated(), 1u);
  index.Remove("a");
  EXPECT_EQ(index.repeated(), 0u);
  EXPECT_EQ(*index.Find({Uid("1.1"), Uid("1.1.1"), Uid("1.1.1.1")})->served().path, "b");
}

TEST(FolderIndexTest, AnswersQuicklyFromAHundredThousandInstances) {
  FolderIndex index;
  for (int i = 0; i < 100000; ++i) {
    IndexedFile file = File(i / 1000, i / 250 % 4, i % 250);
    for (const Tag tag : kTags) {
      file.attributes.Set(tag, "usual");
    }
    index.Put(StrCat("file", i), file);
  }
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(FindInFolder(index, Query().Where("PatientName", "usu*"), {})->size(), 100u);
  EXPECT_EQ(FindInFolder(index, Query(Level::kInstance).Where("SOPInstanceUID", "1.1.1.1"), {})->size(), 1u);
  EXPECT_EQ(FindInFolder(index, Query::ForStudy({Uid("1.5")}, Level::kInstance), {})->size(), 1u);
  // About 30 ms without sanitizers; a quadratic algorithm would take minutes.
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
}

}  // namespace
}  // namespace trolley
