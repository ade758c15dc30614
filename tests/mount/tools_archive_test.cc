// Ordinary programs on files that were never opened before: exact bytes, exit code 0.

#include "mount/archive_fixture.h"

namespace trolley {
namespace {

using testing::HasSubstr;

class ToolsTest : public MountedArchiveTest {
 protected:
  ToolsTest() { Mount(); }
  std::filesystem::path Out(const std::string& name) const { return out_.path() / name; }
  const std::string ct_ = data().ct.Directory();
};

TEST_F(ToolsTest, CpCopiesEverySeries) {
  for (const StoredSeries* series : data().All()) {
    EXPECT_TRUE(Succeeded(Shell("cp -r " + series->Directory() + " $OUT/copy")));
    EXPECT_TRUE(HoldsSeries(Out("copy"), *series));
    std::filesystem::remove_all(Out("copy"));
  }
}

TEST_F(ToolsTest, RsyncCopiesAndThenHasNothingLeftToDo) {
  ASSERT_TRUE(Succeeded(Shell("rsync -a " + ct_ + "/ $OUT/copy/")));
  EXPECT_TRUE(HoldsSeries(Out("copy"), data().ct));
  const RunResult second = Shell("rsync -a --itemize-changes " + ct_ + "/ $OUT/copy/");
  EXPECT_TRUE(Succeeded(second));
  EXPECT_EQ(second.out, "");
}

TEST_F(ToolsTest, TarPacksWhatTheArchiveStores) {
  ASSERT_TRUE(
      Succeeded(Shell("tar cf $OUT/a.tar -C " + ct_ + " . && mkdir $OUT/copy && tar xf $OUT/a.tar -C $OUT/copy")));
  EXPECT_TRUE(HoldsSeries(Out("copy"), data().ct));
}

TEST_F(ToolsTest, ZipPacksWhatTheArchiveStores) {
  ASSERT_TRUE(Succeeded(Shell("cd " + ct_ + " && zip -q -0 -r $OUT/a.zip . && unzip -q $OUT/a.zip -d $OUT/copy")));
  EXPECT_TRUE(HoldsSeries(Out("copy"), data().ct));
}

TEST_F(ToolsTest, CatReadsWhatTheArchiveStores) {
  ASSERT_TRUE(
      Succeeded(Shell("mkdir $OUT/copy && cd " + ct_ + " && for f in *; do cat \"$f\" > $OUT/copy/\"$f\"; done")));
  EXPECT_TRUE(HoldsSeries(Out("copy"), data().ct));
  ASSERT_TRUE(Succeeded(Shell("cat " + data().multiframe.File(1) + " > $OUT/multiframe")));
  EXPECT_TRUE(SameBytes(Out("multiframe"), data().multiframe.files[0]));
}

TEST_F(ToolsTest, MmapSharedAndPrivateShowTheSame) {
  const std::string script =
      "import mmap,sys,os\n"
      "for flags,name in ((mmap.MAP_SHARED,'shared'),(mmap.MAP_PRIVATE,'private')):\n"
      "  f=os.open(sys.argv[1 if name=='shared' else 2],os.O_RDONLY)\n"
      "  open(os.environ['OUT']+'/'+name,'wb').write(mmap.mmap(f,0,flags,mmap.PROT_READ))\n";
  ASSERT_TRUE(Succeeded(Shell("python3 -c \"" + script + "\" " + data().ct.File(1) + " " + data().ct.File(2))));
  EXPECT_TRUE(SameBytes(Out("shared"), data().ct.files[0]));
  EXPECT_TRUE(SameBytes(Out("private"), data().ct.files[1]));
}

TEST_F(ToolsTest, ShutilCopiesWhatTheArchiveStores) {
  ASSERT_TRUE(
      Succeeded(Shell("python3 -c \"import shutil,sys,os; shutil.copyfile(sys.argv[1],os.environ['OUT']+'/copy'); "
                      "shutil.copytree(sys.argv[2],os.environ['OUT']+'/tree')\" " +
                      data().ct.File(1) + " " + data().rle.Directory())));
  EXPECT_TRUE(SameBytes(Out("copy"), data().ct.files[0]));
  EXPECT_TRUE(HoldsSeries(Out("tree"), data().rle));
}

TEST_F(ToolsTest, RandomAndBackwardReadsAreExact) {
  const std::string script =
      "import os,sys,random\n"
      "f=os.open(sys.argv[1],os.O_RDONLY); g=os.open(sys.argv[2],os.O_RDONLY)\n"
      "size=os.fstat(f).st_size; assert size==os.fstat(g).st_size\n"
      "random.seed(1)\n"
      "for i in range(300):\n"
      "  o=random.randrange(size+10); n=random.randrange(1,400000)\n"
      "  assert os.pread(f,n,o)==os.pread(g,n,o), (o,n)\n";
  EXPECT_TRUE(Succeeded(
      Shell("python3 -c \"" + script + "\" " + data().multiframe.File(1) + " " + data().multiframe.files[0].string())));
}

TEST_F(ToolsTest, FindAndDuWorkAsOnALocalDisk) {
  const RunResult find = Shell("find studies/" + data().ct.study + " -name '*.dcm' | wc -l");
  EXPECT_EQ(std::stoul(find.out), data().ct.files.size());
  ASSERT_TRUE(Succeeded(Shell("cat " + ct_ + "/* > /dev/null")));
  const RunResult du = Shell("du -sb --apparent-size " + ct_);
  uintmax_t bytes = 0;
  for (const auto& file : data().ct.files) {
    bytes += std::filesystem::file_size(file);
  }
  EXPECT_GE(std::stoull(du.out), bytes);
  EXPECT_LE(std::stoull(du.out), bytes + 8192);  // the directory itself
}

TEST_F(ToolsTest, DicomProgramsReadFromTheMount) {
  EXPECT_THAT(Shell("dcmdump " + data().report.File(1)).out, HasSubstr(data().report.InstanceUid(1)));
  const RunResult pydicom = Shell(
      "/usr/bin/python3 -c \"import pydicom,sys; d=pydicom.dcmread(sys.argv[1]); print(d.SOPInstanceUID, "
      "d.pixel_array.shape)\" " +
      data().ct.File(1));
  EXPECT_THAT(pydicom.out, HasSubstr(data().ct.InstanceUid(1) + " (512, 512)"));
  const RunResult convert = Shell("dcm2niix -o $OUT -f volume " + ct_);
  EXPECT_TRUE(Succeeded(convert));
  EXPECT_TRUE(std::filesystem::exists(Out("volume.nii"))) << convert.out;
}

}  // namespace
}  // namespace trolley
