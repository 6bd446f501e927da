// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cctype>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include "tests/unit/status/document.h"

extern "C" {
#include "vmm/metrics/exposition.h"
}

namespace
{

std::string exposition(json_t *doc)
{
	struct sample *s = sample_of(doc, 1);
	size_t n = 0;
	char *text = metrics_exposition(s, &n);
	std::string out(text, n);
	free(text);
	sample_free(s);
	return out;
}

std::set<std::string> names_of(const std::string &text)
{
	std::set<std::string> names;
	std::istringstream in(text);
	std::string line;
	while (std::getline(in, line))
		if (line.rfind("# TYPE ", 0) == 0)
			names.insert(line.substr(7, line.find(' ', 7) - 7));
	return names;
}

bool has(const std::string &text, const std::string &line)
{
	return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

} // namespace

TEST(Exposition, SaysWhatTheDocumentSays)
{
	std::string t = exposition(document(10));
	for (const char *line : {
		     "pando_guest_uptime_seconds{guest=\"web\"} 10",
		     "pando_guest_memory_bytes{guest=\"web\"} 67108864",
		     "pando_host_up{guest=\"web\",host=\"1\",address=\"10.0.0.2:7411\"} 1",
		     "pando_memory_given_bytes{guest=\"web\",host=\"0\"} 33554432",
		     "# TYPE pando_faults_total counter",
		     "pando_faults_total{guest=\"web\",host=\"0\",kind=\"read\"} 12000",
		     "pando_faults_total{guest=\"web\",host=\"1\",kind=\"upgrade\"} 4000",
		     "pando_clock_error_bound_seconds{guest=\"web\",host=\"1\"} 1e-05",
		     "pando_vcpu_seconds_total{guest=\"web\",host=\"0\",vcpu=\"1\",state=\"halted\"} 3",
		     "pando_vcpu_exits_total{guest=\"web\",host=\"1\",vcpu=\"3\"} 1000",
		     "pando_peer_rtt_seconds{guest=\"web\",host=\"0\",peer=\"1\"} 4.1e-05",
		     "pando_peer_received_pages_total{guest=\"web\",host=\"0\",peer=\"1\"} 10000",
		     "# TYPE pando_device_requests_total counter",
		     "pando_device_requests_total{guest=\"web\",host=\"1\",device=\"9\",kind=\"virtio-net\",name="
		     "\"vm0\"} "
		     "15000",
		     "pando_device_received_bytes_total{guest=\"web\",host=\"0\",device=\"8\",kind=\"virtio-blk\",name="
		     "\"/srv/a "
		     "\\\"b\\\".img\"} 60000000",
		     "pando_device_errors_total{guest=\"web\",host=\"1\",device=\"9\",kind=\"virtio-net\",name=\"vm0\"}"
		     " 2",
		     "# TYPE pando_fault_latency_seconds histogram",
		     "pando_fault_latency_seconds_bucket{guest=\"web\",host=\"0\",kind=\"read\",le=\"1.6384e-05\"} 0",
		     "pando_fault_latency_seconds_bucket{guest=\"web\",host=\"0\",kind=\"read\",le=\"2.4576e-05\"} "
		     "1000",
		     "pando_fault_latency_seconds_bucket{guest=\"web\",host=\"0\",kind=\"read\",le=\"6.5536e-05\"} "
		     "3000",
		     "pando_fault_latency_seconds_bucket{guest=\"web\",host=\"0\",kind=\"read\",le=\"+Inf\"} 4000",
		     "pando_fault_latency_seconds_sum{guest=\"web\",host=\"0\",kind=\"read\"} 0.16",
		     "pando_fault_latency_seconds_count{guest=\"web\",host=\"0\",kind=\"read\"} 4000",
		     "pando_peer_fault_latency_seconds_count{guest=\"web\",host=\"1\",peer=\"0\",kind=\"write\"} 2000",
	     })
		EXPECT_TRUE(has(t, line)) << line << "\n" << t;
}

TEST(Exposition, ASilentHostIsDownAndTellsNothing)
{
	std::string t = exposition(json_pack("{s:s,s:[{s:i,s:s,s:s}]}", "name", "g", "hosts", "host", 0, "address",
					     "a:1", "error", "no answer"));
	EXPECT_TRUE(has(t, "pando_host_up{guest=\"g\",host=\"0\",address=\"a:1\"} 0"));
	EXPECT_EQ((std::set<std::string>{"pando_build_info", "pando_guest_hosts", "pando_host_up"}), names_of(t));
}

TEST(Exposition, LabelsAreEscaped)
{
	std::string t = exposition(json_pack("{s:s,s:[{s:s}]}", "name", "a\"b\\c", "hosts", "address", "x\ny"));
	EXPECT_NE(std::string::npos, t.find("guest=\"a\\\"b\\\\c\""));
	EXPECT_NE(std::string::npos, t.find("address=\"x?y\"")) << "control characters do not come this far";
}

// Every metric: one head, series of one name together, no series twice, a conventional name.
TEST(Exposition, FollowsTheConventions)
{
	std::istringstream in(exposition(document(3)));
	std::set<std::string> heads, series;
	std::string line, name, type;
	while (std::getline(in, line)) {
		if (line.rfind("# HELP ", 0) == 0) {
			EXPECT_GT(line.size(), line.find(' ', 7) + 10) << line << ": help is missing";
			EXPECT_EQ('.', line.back()) << line;
			continue;
		}
		if (line.rfind("# TYPE ", 0) == 0) {
			std::istringstream words(line.substr(7));
			words >> name >> type;
			EXPECT_TRUE(heads.insert(name).second) << name << " has two heads";
			EXPECT_EQ(0u, name.rfind("pando_", 0));
			bool total = name.size() > 6 && name.substr(name.size() - 6) == "_total";
			EXPECT_EQ(type == "counter", total) << name;
			continue;
		}
		EXPECT_EQ(0u, line.rfind(name, 0)) << line << " is not under " << name;
		EXPECT_TRUE(series.insert(line.substr(0, line.find("} "))).second) << line << " twice";
	}
	EXPECT_GT(heads.size(), 40u);
}

// What somebody's rules and dashboards may name keeps its name and its type. New metrics may come.
TEST(Exposition, PublishedMetricsStay)
{
	std::string t = exposition(document(3)), line;
	std::ifstream in("tests/unit/metrics/golden/types.txt");
	unsigned n = 0;
	while (std::getline(in, line) && ++n)
		EXPECT_TRUE(has(t, line)) << "gone: " << line;
	EXPECT_GT(n, 40u) << "run this from the root of the source tree";
}

// What the dashboard and the alert rules speak of must exist.
TEST(Exposition, DashboardAndAlertsNameOnlyWhatThereIs)
{
	std::set<std::string> names = names_of(exposition(document(3)));
	unsigned found = 0;
	for (const char *path : {"docs/monitoring/grafana-dashboard.json", "docs/monitoring/alerts.yml"}) {
		std::ifstream f(path);
		ASSERT_TRUE(f) << path << " (run this from the root of the source tree)";
		std::string text((std::istreambuf_iterator<char>(f)), {});
		for (size_t at = 0; (at = text.find("pando_", at)) != std::string::npos;) {
			size_t end = at;
			while (isalnum((unsigned char)text[end]) || text[end] == '_')
				end++;
			std::string name = text.substr(at, end - at);
			for (const char *suffix : {"_bucket", "_sum", "_count"})
				if (!names.count(name) && name.size() > strlen(suffix) &&
				    name.compare(name.size() - strlen(suffix), std::string::npos, suffix) == 0)
					name.resize(name.size() - strlen(suffix));
			EXPECT_TRUE(names.count(name)) << path << " names " << name;
			found++;
			at = end;
		}
	}
	EXPECT_GT(found, 30u);
	json_error_t error;
	json_t *dashboard = json_load_file("docs/monitoring/grafana-dashboard.json", 0, &error);
	ASSERT_NE(nullptr, dashboard) << error.text << " in line " << error.line;
	EXPECT_GT(json_array_size(json_object_get(dashboard, "panels")), 10u);
	json_decref(dashboard);
}
