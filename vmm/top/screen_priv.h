// SPDX-License-Identifier: Apache-2.0
// Between the files that draw the views.
#ifndef VMM_TOP_SCREEN_PRIV_H
#define VMM_TOP_SCREEN_PRIV_H

#include "vmm/top/screen.h"

struct draw {
	struct grid *g;
	const struct screen *o;
	const struct sample *before, *now;
	int top, bottom; // rows of the body: [top, bottom)
};

#define FIG 16 // bytes of a short figure as text

/* Short figures; "-" where the value is unknown. All return buf. */
const char *fig_rate(double v, char buf[FIG]);     // 0, 0.3, 12, 4.5k, 1.2M
const char *fig_seconds(double ns, char buf[FIG]); // a duration: 850n, 35u, 1.2m, 3.0s
const char *fig_bytes(double v, char buf[FIG]);    // 64.0M
const char *fig_share(double v, char buf[FIG]);    // 60%
const char *fig_count(int64_t n, char buf[FIG]);
const char *fig_pages(int64_t pages, char buf[FIG]);

/* A bar of shares, one look each, over n columns; what is left is blank. */
struct share {
	double part; // 0 .. 1; NAN is 0
	enum look look;
	char ascii;
	uint32_t block;
};
void draw_bar(struct draw *d, int row, int col, int n, const struct share *shares, unsigned shares_n);
void draw_vcpu_bar(struct draw *d, int row, int col, int n, struct sample_shares s);
void draw_rule(struct draw *d, int row, const char *title);

double host_rate(const struct draw *d, const struct sample_host *h, enum status_number n);
double host_running(const struct draw *d, const struct sample_host *h); // mean share of its vCPUs
/* Latency of all faults of a host (NULL: of all) since the last sample. */
void latency_of(const struct draw *d, const struct sample_host *h, struct sample_histogram *out);
double peer_rate(const struct draw *d, const struct sample_host *h, unsigned peer, enum status_peer_number n);
double host_traffic(const struct draw *d, const struct sample_host *h, enum status_peer_number n); // of all its peers

/* Numbers of hosts (or of vCPUs) in the order that was asked for. Return how many. */
unsigned order_hosts(const struct draw *d, const struct sample_host *out[HOSTS_MAX]);
struct vcpu_at {
	const struct sample_host *host;
	const struct sample_vcpu *vcpu;
	struct sample_shares shares;
};
unsigned order_vcpus(const struct draw *d, struct vcpu_at *out, unsigned cap);

/* Both maps into rows of width columns from (row, col) on: cells of one row cover per_row regions. */
void draw_owner_cells(struct draw *d, int row, int col, int width, unsigned first, unsigned per_row);
void draw_heat_cells(struct draw *d, int row, int col, int width, unsigned first, unsigned per_row);
bool map_known(const struct sample *s);

void view_overview(struct draw *d);
void view_hosts(struct draw *d);
void view_vcpus(struct draw *d);
void view_map(struct draw *d);
void view_hot(struct draw *d);
void view_devices(struct draw *d);
int draw_hot_rows(struct draw *d, int row, int end, int skip); // with their head; returns the next free row

#endif
