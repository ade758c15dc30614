#include "dimse/pdu.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "dimse/dimse.h"
#include "trolley/error.h"

namespace trolley {
namespace {

using internal::AssociatePdu;
using internal::PduType;

AssociatePdu Sample() {
  AssociatePdu pdu;
  pdu.called_aet = "VNA";
  pdu.calling_aet = "TROLLEYFS";
  pdu.max_pdu = 131072;
  pdu.contexts = {{1, 0, "1.2.840.10008.1.1", {"1.2.840.10008.1.2", "1.2.840.10008.1.2.1"}},
                  {3, 0, "1.2.3", {"1.2.4"}}};
  pdu.roles["1.2.3"] = {false, true};
  pdu.extended["1.2.840.10008.1.1"] = std::string("\1\0\1", 3);
  pdu.user = internal::PduUserIdentity{"reader", "secret"};
  return pdu;
}

// False when it is no such PDU; anything else that it throws fails the test.
bool Parses(std::string_view body) {
  try {
    ParseAssociate(PduType::kAssociateRq, body);
    return true;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kProtocol);
    return false;
  }
}

TEST(PduTest, ReadsWhatItWrites) {
  const std::string bytes = EncodeAssociate(PduType::kAssociateRq, Sample());
  ASSERT_EQ(internal::ReadBigEndian32(std::string_view(bytes).substr(2)), bytes.size() - internal::kPduHeader);
  const AssociatePdu read = ParseAssociate(PduType::kAssociateRq, std::string_view(bytes).substr(internal::kPduHeader));
  EXPECT_EQ(read.called_aet, "VNA");
  EXPECT_EQ(read.calling_aet, "TROLLEYFS");
  EXPECT_EQ(read.max_pdu, 131072u);
  ASSERT_EQ(read.contexts.size(), 2u);
  EXPECT_EQ(read.contexts[0].transfer_syntaxes.size(), 2u);
  EXPECT_EQ(read.contexts[1].abstract_syntax, "1.2.3");
  EXPECT_TRUE(read.roles.at("1.2.3").scp);
  EXPECT_FALSE(read.roles.at("1.2.3").scu);
  EXPECT_EQ(read.extended.at("1.2.840.10008.1.1"), std::string("\1\0\1", 3));
  EXPECT_EQ(read.user->name, "reader");
  EXPECT_EQ(read.user->passcode, "secret");
}

TEST(PduTest, SurvivesWhatIsCutOffOrDamaged) {
  const std::string bytes = EncodeAssociate(PduType::kAssociateRq, Sample()).substr(internal::kPduHeader);
  size_t refused = 0;
  for (size_t length = 0; length < bytes.size(); ++length) {
    refused += Parses(std::string_view(bytes).substr(0, length)) ? 0 : 1;
  }
  EXPECT_GT(refused, bytes.size() / 2);
  std::mt19937 random(1);
  for (int i = 0; i < 5000; ++i) {
    std::string damaged = bytes;
    for (int j = 0; j < 3; ++j) {
      damaged[random() % damaged.size()] = static_cast<char>(random());
    }
    Parses(damaged);
  }
}

TEST(PduTest, SplitsDataIntoWhatThePeerTakes) {
  std::string out;
  internal::AppendData(out, 5, false, "abcdefg", 9);  // three bytes in each
  EXPECT_EQ(out, std::string("\4\0\0\0\0\x09\0\0\0\5\5\0abc"
                             "\4\0\0\0\0\x09\0\0\0\5\5\0def"
                             "\4\0\0\0\0\7\0\0\0\3\5\2g",
                             43));
}

TEST(DimseTest, ReadsWhatItWrites) {
  CommandSet command(dimse::kCStoreRq);
  command.SetUid(dimse::kAffectedSopClassUid, "1.2.3")
      .SetText(dimse::kMoveOriginatorAet, "ABC")
      .SetNumber(dimse::kCommandDataSetType, 1);
  const std::string bytes = command.Encode();
  EXPECT_EQ(bytes.size() % 2, 0u);
  const CommandSet read = CommandSet::Parse(bytes);
  EXPECT_EQ(read.field(), dimse::kCStoreRq);
  EXPECT_EQ(read.Text(dimse::kAffectedSopClassUid), "1.2.3");
  EXPECT_EQ(read.Text(dimse::kMoveOriginatorAet), "ABC");
  EXPECT_TRUE(read.has_data_set());
  EXPECT_EQ(read.Number(dimse::kStatus), std::nullopt);
  EXPECT_THROW(read.status(), Error);
}

TEST(DimseTest, RefusesWhatIsNoCommandSet) {
  const std::string bytes = CommandSet(dimse::kCStoreRq).Encode();
  for (size_t length = 1; length < bytes.size(); ++length) {
    if (length != 12) {  // the group length alone
      EXPECT_THROW(CommandSet::Parse(bytes.substr(0, length)), Error) << length;
    }
  }
  EXPECT_THROW(CommandSet::Parse(std::string("\x08\0\5\0\0\0\0\0", 8)), Error);
}

TEST(DimseTest, MakesWhatThePeerSaysPrintable) {
  CommandSet command;
  command.SetText(dimse::kErrorComment, "bad\x1b[2Jthing");
  EXPECT_EQ(command.Comment(), "ErrorComment 'bad?[2Jthing'");
  command.SetText(dimse::kOffendingElement, std::string("\x10\0\x20\0", 4));
  EXPECT_EQ(command.Comment(), "ErrorComment 'bad?[2Jthing', OffendingElement (0010,0020)");
}

}  // namespace
}  // namespace trolley
