#include "mount/inodes.h"

#include <gtest/gtest.h>

#include <set>

namespace trolley {
namespace {

using Correction = PublishedSize::Correction;

DirectoryPtr MakeDirectory(const std::string& path) {
  Directory directory;
  directory.path = path;
  directory.kind = path.empty() ? DirectoryKind::kRoot : DirectoryKind::kStudy;
  return std::make_shared<const Directory>(std::move(directory));
}

DirectoryPtr MakeSeries(const std::string& path, const std::string& study, const std::string& series) {
  Directory directory;
  directory.path = path;
  directory.kind = DirectoryKind::kSeries;
  directory.study = StudyReference{Uid(study)};
  directory.series = SeriesReference{Uid(study), Uid(series)};
  return std::make_shared<const Directory>(std::move(directory));
}

Node DirectoryNode(const std::string& path) {
  return Node{MakeDirectory(path), std::nullopt};
}

Node InstanceNode(const DirectoryPtr& series, const std::string& uid) {
  File file;
  file.directory = series;
  file.instance = Uid(uid);
  file.estimated_size = 1000;
  return Node{nullptr, file};
}

Node ControlNode(const std::string& name) {
  File file;
  file.directory = MakeDirectory(".trolleyfs");
  file.control = name;
  return Node{nullptr, file};
}

class InodesTest : public testing::Test {
 protected:
  NodeId IdOf(const Node& node) { return inodes_.Remember(node).inode->id; }
  Inodes inodes_{MakeDirectory("")};
};

TEST_F(InodesTest, KnowsTheRootFromTheStart) {
  ASSERT_TRUE(inodes_.Find(kRootNodeId));
  EXPECT_TRUE(inodes_.Find(kRootNodeId).is_directory());
  EXPECT_EQ(IdOf(DirectoryNode("")), kRootNodeId);
  inodes_.Forget(kRootNodeId, 100);
  EXPECT_TRUE(inodes_.Find(kRootNodeId));
}

TEST_F(InodesTest, GivesADirectoryOneInodeForItsPath) {
  const NodeId first = IdOf(DirectoryNode("studies/a"));
  EXPECT_EQ(IdOf(DirectoryNode("studies/a")), first);
  EXPECT_NE(IdOf(DirectoryNode("studies/b")), first);
}

TEST_F(InodesTest, GivesAnInstanceOneInodeWhateverThePath) {
  const NodeId first = IdOf(InstanceNode(MakeSeries("studies/a/b", "1.1", "1.2"), "1.3"));
  EXPECT_EQ(IdOf(InstanceNode(MakeSeries("patients/x/a/b", "1.1", "1.2"), "1.3")), first);
}

TEST_F(InodesTest, TellsEqualInstanceUidsOfDifferentSeriesApart) {
  const NodeId first = IdOf(InstanceNode(MakeSeries("studies/a/b", "1.1", "1.2"), "1.3"));
  EXPECT_NE(IdOf(InstanceNode(MakeSeries("studies/c/b", "1.9", "1.2"), "1.3")), first);
  EXPECT_NE(IdOf(InstanceNode(MakeSeries("studies/a/c", "1.1", "1.9"), "1.3")), first);
}

TEST_F(InodesTest, TellsControlFilesFromInstancesAndDirectories) {
  std::set<NodeId> ids{IdOf(ControlNode("1.3")), IdOf(ControlNode("errors")), IdOf(DirectoryNode("1.3")),
                       IdOf(InstanceNode(MakeSeries("s", "1.1", "1.2"), "1.3"))};
  EXPECT_EQ(ids.size(), 4u);
}

TEST_F(InodesTest, ForgetsANodeWithItsLastLookupAndNeverUsesItsNumberAgain) {
  const NodeId id = IdOf(DirectoryNode("studies/a"));
  IdOf(DirectoryNode("studies/a"));
  inodes_.Forget(id, 1);
  EXPECT_TRUE(inodes_.Find(id));
  inodes_.Forget(id, 1);
  EXPECT_FALSE(inodes_.Find(id));
  EXPECT_EQ(inodes_.size(), 1u);
  EXPECT_GT(IdOf(DirectoryNode("studies/a")), id);
}

TEST_F(InodesTest, ForgetsUnknownNodesQuietly) {
  inodes_.Forget(999, 1);
  EXPECT_EQ(inodes_.size(), 1u);
}

TEST_F(InodesTest, TakesTheNewerMeaningOfADirectory) {
  const Node before = DirectoryNode("recent");
  const NodeId id = IdOf(before);
  const Node after = DirectoryNode("recent");
  EXPECT_EQ(IdOf(after), id);
  EXPECT_EQ(inodes_.Find(id).node->directory, after.directory);
}

TEST_F(InodesTest, KeepsTheExactSizeWhenANodeIsSeenAgainElsewhere) {
  const Node one = InstanceNode(MakeSeries("studies/a/b", "1.1", "1.2"), "1.3");
  const InodeView first = inodes_.Remember(one);
  first.inode->size.LearnFromOpen(4242);
  const InodeView again = inodes_.Remember(InstanceNode(MakeSeries("patients/x/a/b", "1.1", "1.2"), "1.3"));
  EXPECT_EQ(again.inode->size.exact(), 4242u);
}

TEST_F(InodesTest, NumbersAreStableAndTheSameForEveryPath) {
  const Node one = InstanceNode(MakeSeries("studies/a/b", "1.1", "1.2"), "1.3");
  const Node other = InstanceNode(MakeSeries("patients/x/a/b", "1.1", "1.2"), "1.3");
  EXPECT_EQ(Inodes::NumberOf(one), Inodes::NumberOf(other));
  EXPECT_EQ(Inodes::NumberOf(DirectoryNode("")), 1u);
  // A change of this number would make backups copy everything again.
  EXPECT_EQ(Inodes::NumberOf(DirectoryNode("studies")), 11495277462320984939u);
}

TEST_F(InodesTest, ListsTheDirectories) {
  IdOf(DirectoryNode("studies"));
  IdOf(ControlNode("errors"));
  EXPECT_EQ(inodes_.Directories().size(), 2u);
}

TEST(PublishedSizeTest, IsUnknownAtFirst) {
  const PublishedSize size;
  EXPECT_EQ(size.exact(), std::nullopt);
}

TEST(PublishedSizeTest, NeedsNoCorrectionWhenNothingWasPublished) {
  PublishedSize size;
  EXPECT_EQ(size.LearnFromOpen(10), Correction::kNone);
  EXPECT_EQ(size.exact(), 10u);
}

TEST(PublishedSizeTest, TakesAnEstimateBackUntilItIsDone) {
  PublishedSize size;
  EXPECT_EQ(size.Publish(7), 7u);
  EXPECT_EQ(size.LearnFromOpen(10), Correction::kAttributes);
  EXPECT_EQ(size.LearnFromOpen(10), Correction::kAttributes) << "another opener must not be answered sooner";
  size.Corrected(Correction::kAttributes);
  EXPECT_EQ(size.LearnFromOpen(10), Correction::kNone);
}

TEST(PublishedSizeTest, TakesAnEstimateBackAlsoWhenTheSizeIsLearnedWithoutOpening) {
  PublishedSize size;
  size.Publish(7);  // then another mount fetches the instance
  size.Learn(10);
  EXPECT_EQ(size.LearnFromOpen(10), Correction::kAttributes);
}

TEST(PublishedSizeTest, PublishesTheExactSizeOnceItIsKnown) {
  PublishedSize size;
  size.Learn(10);
  EXPECT_EQ(size.Publish(7), 10u);
  EXPECT_EQ(size.LearnFromOpen(10), Correction::kNone);
}

TEST(PublishedSizeTest, DropsThePagesOfAReplacedInstance) {
  PublishedSize size;
  size.LearnFromOpen(10);
  EXPECT_EQ(size.LearnFromOpen(11), Correction::kContent);
  EXPECT_EQ(size.LearnFromOpen(11), Correction::kContent);
  EXPECT_EQ(size.exact(), 11u);
  size.Corrected(Correction::kContent);
  EXPECT_EQ(size.LearnFromOpen(11), Correction::kNone);
}

TEST(PublishedSizeTest, BelievesAnOpenMoreThanAListing) {
  PublishedSize size;
  size.LearnFromOpen(10);
  size.Learn(99);
  EXPECT_EQ(size.exact(), 10u);
}

}  // namespace
}  // namespace trolley
