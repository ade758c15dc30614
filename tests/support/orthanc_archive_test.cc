#include <gtest/gtest.h>
#include <httplib.h>

#include <stdexcept>

#include "dicom/synthetic.h"
#include "support/orthanc.h"

namespace trolley {
namespace {

std::string StudiesOf(const OrthancServer& orthanc) {
  httplib::Client client("127.0.0.1", orthanc.http_port());
  const httplib::Result reply = client.Get("/dicom-web/studies");
  return reply ? std::to_string(reply->status) + " " + reply->body : "no reply";
}

TEST(OrthancServerTest, ServesWhatWasUploadedAlsoAfterBeingKilled) {
  const TempDirectory directory;
  SyntheticInstances spec;
  spec.study_uid = "1.2.826.0.1.3680043.8.498.9.1";
  spec.series_uid = "1.2.826.0.1.3680043.8.498.9.1.1";
  OrthancServer orthanc;
  orthanc.Upload(WriteSyntheticSeries(spec, directory.path()));
  EXPECT_NE(StudiesOf(orthanc).find(spec.study_uid), std::string::npos);
  orthanc.Kill();
  EXPECT_EQ(StudiesOf(orthanc), "no reply");
  orthanc.Start();
  EXPECT_NE(StudiesOf(orthanc).find(spec.study_uid), std::string::npos);
}

TEST(OrthancServerTest, AsksForAPasswordWhenItHasUsers) {
  const OrthancServer orthanc({.users = {{"reader", "secret"}}});
  EXPECT_EQ(StudiesOf(orthanc).substr(0, 3), "401");
}

TEST(OrthancServerTest, RefusesWhatIsNoDicomFile) {
  const TempDirectory directory;
  OrthancServer orthanc;
  EXPECT_THROW(orthanc.Upload(directory.Write("x.dcm", "no DICOM")), std::runtime_error);
}

}  // namespace
}  // namespace trolley
