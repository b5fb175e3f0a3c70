import { fileLine } from '../image-lines.js'

const rulesFile = '/etc/nginx/site-modsecurity.conf'

/**
 * Debian's rules for all, and the OWASP's. What they refuse is answered with 406: for nginx, 403 is a folder without a page,
 * which another page may answer for. Nothing is written down but a line in the log: the image is read-only.
 */
const rules = `Include /etc/nginx/modsecurity.conf
SecRuleEngine On
SecAuditEngine Off
SecResponseBodyAccess Off
Include /etc/modsecurity/crs/crs-setup.conf
Include /usr/share/modsecurity-crs/rules/*.conf
SecRuleRemoveById 949110
SecRule TX:ANOMALY_SCORE "@ge %{tx.inbound_anomaly_score_threshold}" "id:1,phase:2,deny,status:406,log,msg:'Inbound anomaly score exceeded (%{TX.ANOMALY_SCORE})'"
`

/** Lines of a Dockerfile that add ModSecurity to the stage which serves sites. */
export const modsecurityLines: readonly string[] = [
  'RUN apt-get update -q && apt-get install -qy --no-install-recommends libnginx-mod-http-modsecurity modsecurity-crs && rm -rf /etc/nginx/sites-* /var/lib/apt/lists/* /var/cache/* /var/log/* /usr/share/doc/*',
  fileLine(rulesFile, rules),
]

/** What a site's server says to have its requests looked at. */
export const modsecurityDirectives: readonly string[] = ['modsecurity on;', `modsecurity_rules_file ${rulesFile};`]
