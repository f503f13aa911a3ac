"""p-values of power laws after Clauset, Shalizi and Newman (2009), as their programs plfit and plpva compute them for continuous data,
of samples without randomness. Writes p-values.json beside it. NumPy 2.3."""
import json
from pathlib import Path
import numpy as np, math
def plfit(x):
    x=np.sort(x); best=None
    for xm in np.unique(x)[:-1]:
        z=x[x>=xm]; n=len(z); a=n/np.sum(np.log(z/xm))
        cx=np.arange(n)/n; cf=1-(xm/z)**a
        d=np.max(np.abs(cf-cx))
        if best is None or d<best[0]: best=(d,xm,1+a)
    return best
def plpva(x,B,rng):
    d,xm,al=plfit(x); z=x[x>=xm]; y=x[x<xm]; N=len(x); nz=len(z); pz=nz/N; c=0
    for _ in range(B):
        n1=np.sum(rng.random(N)>pz) if len(y) else 0
        q1=y[rng.integers(0,len(y),n1)] if n1 else np.empty(0)
        q2=xm*(1-rng.random(N-n1))**(-1/(al-1))
        if plfit(np.concatenate([q1,q2]))[0]>=d: c+=1
    return d,xm,al,c/B
from statistics import NormalDist
n=80; u=(np.arange(n)+.5)/n
data={'power law':(1-u)**(-1/1.5),'shifted exponential':15-8*np.log(1-u),'exponential':-np.log(1-u),'lognormal':np.exp(np.array([NormalDist().inv_cdf(v) for v in u])),
'body and power law':np.concatenate([np.linspace(.2,.98,40),(1-(np.arange(40)+.5)/40)**(-1/2)]),'uniform':1+u}
found=[]
for name,x in data.items():
    # Not too regular.
    x=np.sort(x*np.exp(.15*np.sin(37*np.arange(len(x)))))
    d,xmin,alpha,p=plpva(x,1500,np.random.default_rng(1))
    found.append({"name":name,"values":[float(v) for v in x],"D":float(d),"xmin":float(xmin),"alpha":float(alpha),"p":float(p)})
Path(__file__).with_name("p-values.json").write_text(json.dumps({"rounds":1500,"samples":found}))

