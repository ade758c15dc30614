#include <gtest/gtest.h>

#include "dicom/synthetic.h"
#include "support/dcmqrscp.h"

namespace trolley {
namespace {

TEST(DcmqrscpTest, RespondsAndComesBackAfterACrash) {
  const TempDirectory directory;
  SyntheticInstances spec;
  spec.study_uid = "1.2.3";
  spec.series_uid = "1.2.3.4";
  Dcmqrscp server(WriteSyntheticSeries(spec, directory / "files"));
  const std::vector<std::string> echo = {"echoscu", "-aec", Dcmqrscp::kAeTitle, "127.0.0.1",
                                         std::to_string(server.port())};
  EXPECT_EQ(RunProgram(echo).exit_code, 0);
  server.Kill();
  EXPECT_NE(RunProgram(echo).exit_code, 0);
  server.Start();
  EXPECT_EQ(RunProgram(echo).exit_code, 0);
}

}  // namespace
}  // namespace trolley
